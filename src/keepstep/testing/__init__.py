"""For the tests of applications and of storage engines; shipped with the package."""

from .server import LocalServer, local_server

__all__ = ["LocalServer", "local_server"]
