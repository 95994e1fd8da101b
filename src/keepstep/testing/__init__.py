"""For the tests of applications and of storage engines; shipped with the package.

The server is imported when it is asked for: pytest loads the plugin beside it in every run.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import LocalServer, local_server

__all__ = ["LocalServer", "local_server"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import server  # noqa: PLC0415 -- only when asked for

    return getattr(server, name)
