"""Engines: they store and find, and know no rule of the service."""
