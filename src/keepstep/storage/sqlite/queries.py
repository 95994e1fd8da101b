"""The statements of the ``.sql`` files by name."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

FILES: Final = ("queries.sql", "identity_queries.sql", "copy_queries.sql", "delivery_queries.sql")

_SECTION = re.compile(r"^-- name: (\w+)\n(.*?);$", re.MULTILINE | re.DOTALL)


def _load() -> Mapping[str, str]:
    folder = files("keepstep.storage.sqlite")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in FILES]
    return {name: statement for text in texts for name, statement in _SECTION.findall(text)}


QUERIES: Final = _load()
