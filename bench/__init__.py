"""The benchmark: what the server does a second, beside a bare server and bare SQLite."""
