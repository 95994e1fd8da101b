"""The statements of ``queries.sql`` by name."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

_SECTION = re.compile(r"^-- name: (\w+)\n(.*?);$", re.MULTILINE | re.DOTALL)


def _load() -> Mapping[str, str]:
    text = files("keepstep.storage.sqlite").joinpath("queries.sql").read_text(encoding="utf-8")
    return dict(_SECTION.findall(text))


QUERIES: Final = _load()
