"""What every storage engine must do: the contract of ``keepstep.interfaces.storage`` as tests.

An engine's test module imports all of this and gives one fixture, ``store_factory``, whose value
opens an empty store::

    from keepstep.testing.storage_suite import *  # noqa: F403

    @pytest.fixture
    def store_factory(tmp_path: Path) -> StoreFactory: ...
"""

from importlib import import_module

import pytest

CASE_MODULES = (
    "bulk_publishes",
    "changes",
    "concurrency",
    "copying",
    "datasets",
    "devices",
    "guests",
    "identities",
    "identity_concurrency",
    "identity_deletion",
    "keys",
    "leases",
    "merges",
    "outbox",
    "outbox_pages",
    "outbox_settling",
    "pool_settings",
    "pools",
    "records",
    "restoring",
    "revocations",
    "sync_sessions",
    "token_keys",
)

pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in CASE_MODULES))

from .bulk_publishes import *  # noqa: E402, F403 -- after assertions are set up; every case of it
from .changes import *  # noqa: E402, F403
from .concurrency import *  # noqa: E402, F403
from .copying import *  # noqa: E402, F403
from .datasets import *  # noqa: E402, F403
from .devices import *  # noqa: E402, F403
from .guests import *  # noqa: E402, F403
from .identities import *  # noqa: E402, F403
from .identity_concurrency import *  # noqa: E402, F403
from .identity_deletion import *  # noqa: E402, F403
from .keys import *  # noqa: E402, F403
from .leases import *  # noqa: E402, F403
from .merges import *  # noqa: E402, F403
from .outbox import *  # noqa: E402, F403
from .outbox_pages import *  # noqa: E402, F403
from .outbox_settling import *  # noqa: E402, F403
from .pool_settings import *  # noqa: E402, F403
from .pools import *  # noqa: E402, F403
from .records import *  # noqa: E402, F403
from .restoring import *  # noqa: E402, F403
from .revocations import *  # noqa: E402, F403
from .running import StoreFactory as StoreFactory  # noqa: E402
from .sync_sessions import *  # noqa: E402, F403
from .token_keys import *  # noqa: E402, F403


def case_names() -> set[str]:
    """Give the names of all cases, so that a test can hold an engine's module against them."""
    modules = [import_module(f"{__name__}.{name}") for name in CASE_MODULES]
    return {name for module in modules for name in vars(module) if name.startswith("test_")}
