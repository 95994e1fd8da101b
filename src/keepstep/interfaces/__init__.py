"""What operations need of a store and of the outside world; the docstrings are the contract."""
