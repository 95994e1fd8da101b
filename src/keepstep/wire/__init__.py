"""What travels: shapes, operations, errors, protocols and signatures.

No input or output, no clock and no rule of the service; the same code serves server and client.
"""
