"""What an operation acts on, named as IAM names it in policies and denials."""

from typing import Any

from keepstep.domain.pools import region_of
from keepstep.interfaces.service import Account
from keepstep.operations.table import Row


def resource_name(account: Account, service: str, row: Row, shape: Any) -> str:
    """Give the ARN of what a request acts on; an id it does not carry is ``null``.

    The form of Cognito Sync's is as seen in a denial of ListDatasets (aws-sdk-java issue 1912).
    """
    if service == "sts":
        return "*"
    pool = getattr(shape, "identity_pool_id", None)
    if service == "cognito-identity" and pool is None:
        return "*"
    region = account.region if pool is None else region_of(pool)
    name = f"arn:aws:{service}:{region}:{account.account_id}:identitypool/{pool or 'null'}"
    if "{IdentityId}" in row.operation.uri:
        name += f"/identity/{shape.identity_id}"
    if "/datasets" in row.operation.uri:
        name += f"/dataset/{getattr(shape, 'dataset_name', 'null')}"
    return name
