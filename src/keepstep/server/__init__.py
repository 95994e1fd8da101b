"""HTTP: from the socket to an operation and back."""
