"""How long the search for broken promises runs."""

import os

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES = "PROMISES_EXAMPLES"
HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile(
    "promises",
    max_examples=120,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=HEALTH,
)
settings.register_profile(
    "promises-long",
    settings.get_profile("promises"),
    max_examples=int(os.environ.get(EXAMPLES, "1")),
    stateful_step_count=100,
    derandomize=False,
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if EXAMPLES not in os.environ:
        terminalreporter.write_line(
            f"tests/promises searched the same short way as always; {EXAMPLES}=2000 pytest "
            "tests/promises/test_devices.py searches longer, and elsewhere each time."
        )


@pytest.fixture(scope="session")
def search() -> settings:
    """The settings of state machines."""
    return settings.get_profile("promises-long" if EXAMPLES in os.environ else "promises")
