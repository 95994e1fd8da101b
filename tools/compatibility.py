"""Write the tables of operations in docs/compatibility.md from the tables in the code.

How many operations a service has is what botocore's service model says.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from botocore.loaders import Loader

from keepstep.operations.table import IDENTITY_TABLE, STS_TABLE, SYNC_TABLE, Row

PAGE = Path("docs/compatibility.md")
BEGIN, END = "<!-- operations:begin -->", "<!-- operations:end -->"
NO_DIFFERENCE: Final = "nothing that is known"
DIFFERENCES: Final = {
    "ListRecords": "a client that has a count of a dataset never seen is told to recover",
    "UpdateRecords": "the sync trigger may be an endpoint or Python code; developers' updates may "
    "be subject to it",
    "SubscribeToDataset": "notifications may go to an endpoint in place of SNS",
    "RegisterDevice": "the token is first used when something is to be sent; 1,024 devices at most",
    "DescribeIdentityUsage": "up to date at once",
    "DescribeIdentityPoolUsage": "up to date at once; SyncSessionsCount is counted",
    "ListIdentityPoolUsage": "up to date at once; SyncSessionsCount is counted",
    "SetIdentityPoolConfiguration": "the stream may be an endpoint or files; an enabled one needs "
    "a name; one application for each platform",
    "SetCognitoEvents": "the function need not be at Lambda; its name must be an ARN",
    "BulkPublish": "the pause of 24 hours is a setting",
    "GetId": "AccountId is not compared",
    "GetCredentialsForIdentity": "a disabled identity is answered as the surviving one",
    "DeleteIdentities": "their data goes with them, and their credentials end at once",
    "CreateIdentityPool": "SAML, Twitter and Digits are kept, not used",
    "UpdateIdentityPool": "SAML, Twitter and Digits are kept, not used",
    "SetIdentityPoolRoles": "a role is one of the settings, not IAM's",
    "AssumeRoleWithWebIdentity": "takes tokens of GetOpenIdToken of this server alone",
}
"""What an operation does differently from AWS, in a word."""


def tables() -> str:
    """Give the tables in Markdown."""
    return "\n\n".join(
        [
            _table("cognito-sync", "Cognito Sync", SYNC_TABLE, paths=True),
            _table("cognito-identity", "Cognito Identity", IDENTITY_TABLE),
            _table(None, "STS", STS_TABLE),
        ]
    )


def _table(service: str | None, title: str, rows: Sequence[Row], *, paths: bool = False) -> str:
    """Give the table of a service; without its name in botocore, of a part of it."""
    columns = ["Operation", *(["Method and path"] if paths else []), "Callers", "Differs from AWS"]
    have = f"{len(rows)}" if service is None else f"{len(rows)} of {_published(service)}"
    lines = [f"{have} operations of {title}:", "", *_line(columns), *_line(["---"] * len(columns))]
    for row in rows:
        operation: Any = row.operation
        path = [f"`{operation.method} {operation.uri}`"] if paths else []
        differs = DIFFERENCES.get(operation.name, NO_DIFFERENCE)
        lines += _line([operation.name, *path, row.callers.value, differs])
    return "\n".join(lines)


def _published(service: str) -> int:
    model: Any = Loader().load_service_model(service, "service-2")  # pyright: ignore[reportUnknownMemberType] -- botocore has no types
    return len(model["operations"])


def _line(cells: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(cells)} |"]


def updated(page: str) -> str:
    """Give the page with its table written anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
