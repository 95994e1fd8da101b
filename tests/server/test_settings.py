"""Settings: where they come from, which source wins, and what is refused in which words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepstep.server.settings import SettingsError, load_settings, unknown_variables

from .processes import done, keepstep, serving

Refused = Callable[[str, str], str]

BAD_VALUES = [
    ("port", "70000"),
    ("port", "-1"),
    ("port", "http"),
    ("store", ""),
    ("store", "sqlite:"),
    ("store", "keepstep.db"),
    ("workers", "0"),
    ("workers", "65"),
    ("access_key_id", "AKIASHORT"),
    ("access_key_id", "AKIA-WITH-HYPHENS-0"),
    ("account_id", "1234"),
    ("account_id", "12345678901x"),
    ("region", "nowhere"),
    ("regions", "us-east-1"),
    ("public_hosts", "sync.example.com"),
    ("open_pools", "maybe"),
    ("cors_origins", "https://example.com"),
    ("log_requests", "maybe"),
    ("shutdown_seconds", "-1"),
    ("shutdown_seconds", "3601"),
    ("datasets_per_identity", "0"),
    ("datasets_per_identity", "1000"),
    ("records_per_dataset", "0"),
    ("dataset_bytes", "0"),
    ("request_body_bytes", "1023"),
    ("request_header_bytes", "1023"),
    ("request_seconds", "0"),
    ("idle_seconds", "0"),
]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["environment", "file"])
def refused(
    request: pytest.FixtureRequest, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> Refused:
    """Give a setting a value in one of the places, and give the words it is refused in."""

    def refused_in_words(name: str, value: str) -> str:
        if request.param == "environment":
            monkeypatch.setenv(f"KEEPSTEP_{name.upper()}", value)
        else:
            (directory / "keepstep.toml").write_text(f'{name} = "{value}"\n', encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            load_settings()
        return str(caught.value)

    return refused_in_words


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
def test_a_value_that_cannot_be_used_is_refused_in_both_spellings(
    refused: Refused, name: str, value: str
) -> None:
    assert f"{name} (KEEPSTEP_{name.upper()})" in refused(name, value)


def test_every_value_that_cannot_be_used_has_a_line_of_its_own(directory: Path) -> None:
    (directory / "keepstep.toml").write_text("port = -1\nworkers = 0\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == ["port", "workers"]


@pytest.mark.parametrize("name", ["access_key_id", "secret_access_key"])
def test_half_of_an_access_key_is_refused_naming_both_halves(refused: Refused, name: str) -> None:
    words = refused(name, "AKIAIOSFODNN7EXAMPLE")
    assert "access_key_id (KEEPSTEP_ACCESS_KEY_ID)" in words
    assert "secret_access_key (KEEPSTEP_SECRET_ACCESS_KEY)" in words
    assert "AKIAIOSFODNN7EXAMPLE" not in words


def test_a_store_in_memory_with_several_workers_is_refused_naming_both_settings() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(store="sqlite::memory:", workers=2)
    assert "workers (KEEPSTEP_WORKERS)" in str(caught.value)
    assert "store (KEEPSTEP_STORE)" in str(caught.value)


def test_an_unknown_name_in_the_file_is_refused(directory: Path) -> None:
    (directory / "keepstep.toml").write_text("prot = 8080\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="prot: there is no such setting"):
        load_settings()


def test_unknown_variables_are_found_and_known_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PROT", "PORT", "CONFIG", "STORES"):
        monkeypatch.setenv(f"KEEPSTEP_{name}", "1")
    assert unknown_variables() == ["KEEPSTEP_PROT", "KEEPSTEP_STORES"]


def test_serve_reports_an_unknown_variable_and_goes_on(directory: Path) -> None:
    with serving(directory, environment={"KEEPSTEP_PROT": "1"}) as running:
        assert "keepstep: KEEPSTEP_PROT is no setting of keepstep" in running.logged


def test_lists_are_json_in_the_environment_and_arrays_in_the_file(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEPSTEP_REGIONS", '["eu-west-1", "eu-west-2"]')
    (directory / "keepstep.toml").write_text('public_hosts = ["a.example"]\n', encoding="utf-8")
    settings = load_settings()
    assert settings.regions == ["eu-west-1", "eu-west-2"]
    assert settings.public_hosts == ["a.example"]


def test_flags_win_over_the_environment_and_that_over_the_file(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "port = 1\nworkers = 2\nidle_seconds = 3\n"
    (directory / "keepstep.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("KEEPSTEP_PORT", "11")
    monkeypatch.setenv("KEEPSTEP_WORKERS", "12")
    settings = load_settings(port=21, workers=None)
    assert (settings.port, settings.workers, settings.idle_seconds) == (21, 12, 3)
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("environment", "options", "used"),
    [
        ({}, (), "file.db"),
        ({"KEEPSTEP_STORE": "sqlite:environment.db"}, (), "environment.db"),
        ({"KEEPSTEP_STORE": "sqlite:environment.db"}, ("--store", "sqlite:flag.db"), "flag.db"),
    ],
)
def test_a_command_uses_the_store_of_the_strongest_source(
    directory: Path, environment: dict[str, str], options: tuple[str, ...], used: str
) -> None:
    (directory / "keepstep.toml").write_text('store = "sqlite:file.db"\n', encoding="utf-8")
    ended = keepstep(directory, "pool", "list", *options, environment=environment)
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in directory.glob("*.db")] == [used]


@pytest.mark.parametrize(
    ("environment", "options", "region"),
    [
        ({}, (), "eu-west-1"),
        ({"KEEPSTEP_CONFIG": "two.toml"}, (), "eu-west-2"),
        ({"KEEPSTEP_CONFIG": "two.toml"}, ("--config", "three.toml"), "eu-west-3"),
    ],
)
def test_the_settings_file_is_the_flags_the_environments_or_the_directorys(
    directory: Path, environment: dict[str, str], options: tuple[str, ...], region: str
) -> None:
    for number, name in enumerate(("keepstep", "two", "three"), start=1):
        text = f'region = "eu-west-{number}"\n'
        (directory / f"{name}.toml").write_text(text, encoding="utf-8")
    ended = keepstep(directory, "pool", "create", "app", *options, environment=environment)
    assert ended.stdout.startswith(f"{region}:"), ended.stderr


def test_without_any_settings_the_defaults_serve(directory: Path) -> None:
    assert done(directory, "pool", "list") == ""
    assert (directory / "keepstep.db").is_file()
