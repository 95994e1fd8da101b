"""The operations of the Security Token Service that sign callers in."""
