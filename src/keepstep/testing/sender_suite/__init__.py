"""What every stream sender must do: ``keepstep.interfaces.delivery.StreamSender`` as tests.

A sender's test module imports all of this and gives one fixture, ``sender_rig``, whose value sets
up a sender with an empty destination::

    from keepstep.testing.sender_suite import *  # noqa: F403

    @pytest.fixture
    def sender_rig(tmp_path: Path) -> RigFactory: ...
"""

from importlib import import_module

import pytest

CASE_MODULES = ("arrivals", "failures")

pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in CASE_MODULES))

from .arrivals import *  # noqa: E402, F403 -- after assertions are set up; every case of the noun
from .failures import *  # noqa: E402, F403
from .running import Rig as Rig  # noqa: E402
from .running import RigFactory as RigFactory  # noqa: E402


def case_names() -> set[str]:
    """Give the names of all cases, so that a test can hold a sender's module against them."""
    modules = [import_module(f"{__name__}.{name}") for name in CASE_MODULES]
    return {name for module in modules for name in vars(module) if name.startswith("test_")}
