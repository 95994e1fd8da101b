"""The benchmark of the PostgreSQL engine: beside bare psycopg, beside Kinto, and its sizes."""
