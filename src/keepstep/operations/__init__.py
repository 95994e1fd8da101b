"""The API: one plain function for each operation; ``table.py`` lists them all."""
