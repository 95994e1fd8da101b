"""What a sign-in leaves in tokens and credentials: how it was done, and its principal tags."""

from collections.abc import Mapping, Sequence
from typing import Final

from .identities import Login
from .logins import VerifiedLogin
from .pools import PoolSettings
from .roles import AUTHENTICATED, UNAUTHENTICATED

GUEST_AMR: Final = (UNAUTHENTICATED,)
DEFAULT_TAGS: Final = {"client": "aud", "username": "sub"}
"""Tags without a mapping of the pool's own; the names hint at the service model's text."""
_TAG_LENGTH_MAX: Final = 256
"""Characters of a tag's value (service model)."""


def authentication_methods(
    logins: Sequence[VerifiedLogin], developer_user: Login | None, identity_pool_id: str
) -> tuple[str, ...]:
    """Give the ``amr`` claim: the providers of this call, each with a detail.

    The details of user pools and developer providers are as seen in real tokens; the others
    follow Facebook's form.
    """
    methods = [AUTHENTICATED]
    if developer_user is not None:
        provider, user = developer_user.provider_name, developer_user.subject
        methods += [provider, f"{provider}:{identity_pool_id}:{user}"]
    for login in logins:
        detail = "CognitoSignIn" if _is_user_pool(login.provider_name) else login.audience
        methods += [login.provider_name, f"{login.provider_name}:{detail}:{login.subject}"]
    return tuple(methods)


def principal_tags(settings: PoolSettings, logins: Sequence[VerifiedLogin]) -> dict[str, str]:
    """Give the session tags of a sign-in, for the providers that the pool has a mapping for."""
    tags: dict[str, str] = {}
    for login in logins:
        mapping = settings.principal_tags.get(login.provider_name)
        if mapping is None:
            continue
        names: Mapping[str, str] = DEFAULT_TAGS if mapping.use_defaults else mapping.principal_tags
        claims = {**login.claims, "aud": login.audience, "sub": login.subject}
        for tag, claim in names.items():
            value = claims.get(claim)
            if isinstance(value, str | int) and 0 < len(str(value)) <= _TAG_LENGTH_MAX:
                tags[tag] = str(value)
    return tags


def _is_user_pool(provider_name: str) -> bool:
    return provider_name.startswith("cognito-idp.")
