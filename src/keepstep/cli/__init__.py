"""The command line: parse, assemble, call, print."""

from .commands import app, main

__all__ = ["app", "main"]
