"""The statements of the ``.sql`` files by name, without their comments and line breaks."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

FILES: Final = (
    "queries.sql",
    "dataset_changes.sql",
    "identity_queries.sql",
    "delivery_queries.sql",
    "copy_queries.sql",
)

_SECTION = re.compile(r"^-- name: (\w+)\n(.*?);$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def _load() -> Mapping[str, bytes]:
    folder = files("keepstep.storage.postgres")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in FILES]
    return {
        name: " ".join(_COMMENT.sub("", statement).split()).encode()
        for text in texts
        for name, statement in _SECTION.findall(text)
    }


QUERIES: Final = _load()
