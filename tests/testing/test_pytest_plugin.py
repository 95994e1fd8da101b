"""The pytest plugin, in test runs of their own: real processes with a real server in them."""

import sys
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import keepstep

pytest_plugins = ["pytester"]

PLUGIN = "keepstep.testing.pytest_plugin"
WRITES_AND_READS = """
    def test_a_record_is_kept(cognito_sync, keepstep_server):
        place = dict(
            IdentityPoolId=keepstep_server.new_id(),
            IdentityId=keepstep_server.new_id(),
            DatasetName="things",
        )
        token = cognito_sync.list_records(**place)["SyncSessionToken"]
        patch = {"Op": "replace", "Key": "colour", "Value": "green", "SyncCount": 0}
        cognito_sync.update_records(**place, SyncSessionToken=token, RecordPatches=[patch])
        [record] = cognito_sync.list_records(**place)["Records"]
        assert record["Value"] == "green"
"""


@pytest.fixture
def alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Make a test run that loads the plugins it is told to, and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


def test_an_application_writes_and_reads_through_the_plugins_client(
    alone: pytest.Pytester,
) -> None:
    alone.makepyfile(WRITES_AND_READS)
    result = alone.runpytest_subprocess("-p", PLUGIN, "-W", "error")
    result.assert_outcomes(passed=1)


def test_one_server_serves_the_whole_test_run(alone: pytest.Pytester) -> None:
    alone.makepyfile(
        """
        import urllib.request

        seen = []

        def test_first(keepstep_server):
            seen.append(keepstep_server)

        def test_second(keepstep_server):
            assert seen == [keepstep_server]
            assert keepstep_server.endpoint_url.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(keepstep_server.endpoint_url + "/health") as answer:
                assert answer.status == 200
        """
    )
    alone.runpytest_subprocess("-p", PLUGIN).assert_outcomes(passed=2)


def test_a_run_that_uses_no_fixture_loads_neither_server_nor_boto3(
    alone: pytest.Pytester,
) -> None:
    alone.makepyfile(
        """
        import sys

        def test_nothing_was_loaded():
            assert not {"uvicorn", "boto3", "keepstep.server"} & sys.modules.keys()
        """
    )
    alone.runpytest_subprocess("-p", PLUGIN).assert_outcomes(passed=1)


def test_without_boto3_the_client_fails_with_what_to_install(
    alone: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    libraries = tmp_path / "libraries-without-boto3"
    libraries.mkdir()
    for library in Path(sysconfig.get_path("purelib")).iterdir():
        if not library.name.startswith("boto"):
            (libraries / library.name).symlink_to(library)
    source = Path(keepstep.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", f"{libraries}:{source}")
    alone.makepyfile(WRITES_AND_READS)
    result = alone.run(sys.executable, "-S", "-m", "pytest", "-p", PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*the fixture cognito_sync needs boto3; install it: pip install boto3*"]
    )


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    [found] = [point for point in entry_points(group="pytest11") if point.value == PLUGIN]
    assert found.name == "keepstep"
