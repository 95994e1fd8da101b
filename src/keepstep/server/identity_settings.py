"""The settings of sign-in: roles, and the login providers whose tokens are taken.

Each is a table in the settings file, or an object in a JSON list in the environment.
"""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from keepstep.domain.logins import LEEWAY_SECONDS, LoginProvider
from keepstep.domain.policies import Policy
from keepstep.domain.roles import ROLE_SESSION_SECONDS_MAX, Role, role_arn

KNOWN_PROVIDERS: Final = (
    LoginProvider(name="accounts.google.com", issuer="https://accounts.google.com"),
    LoginProvider(name="appleid.apple.com", issuer="https://appleid.apple.com"),
)
"""Providers that need no configuration of their own: a pool names its client id."""


class LoginProviderSettings(BaseModel):
    """One OpenID Connect provider."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="Key in Logins: the issuer without https://.")
    issuer: str = Field(description="The provider's issuer URL.")
    issuer_aliases: tuple[str, ...] = Field((), description="Other issuers its tokens may name.")
    audiences: tuple[str, ...] = Field((), description="Client ids; empty for those of the pool.")
    algorithms: tuple[str, ...] = Field(("RS256",), description="Signature algorithms.")
    jwks_url: str | None = Field(None, description="Where its keys are, if not by discovery.")
    jwks: str | None = Field(None, description="Its keys themselves, as JSON.")
    jwks_hosts: tuple[str, ...] = Field((), description="Other hosts its keys may be on.")
    required_claims: dict[str, str] = Field({}, description="Claims its tokens must have.")
    allow_private_network: bool = Field(False, description="Its host may have a private address.")
    ca_file: str | None = Field(None, description="Certificates to trust for its host.")
    arn: str | None = Field(None, description="Its ARN in OpenIdConnectProviderARNs.")
    leeway_seconds: int = Field(LEEWAY_SECONDS, description="Grace for expired tokens.")

    @model_validator(mode="after")
    def _is_safe(self) -> "LoginProviderSettings":
        self.provider()
        return self

    def provider(self) -> LoginProvider:
        """Give the provider. Raises ValueError."""
        return LoginProvider(**self.model_dump())


class RoleSettings(BaseModel):
    """One role; policies are IAM policy documents, as JSON or as tables."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[\w+=,.@-]{1,64}$", description="The role's name.")
    path: str = Field("/", pattern=r"^/([\w+=,.@-]+/)*$", description="What its ARN has before it.")
    trust_policy: str | dict[str, Any] = Field(description="Who may take the role on.")
    policies: list[str | dict[str, Any]] = Field([], description="What it may do.")
    max_session_seconds: int = Field(
        ROLE_SESSION_SECONDS_MAX, ge=3600, le=43_200, description="Longest session."
    )

    @field_validator("trust_policy")
    @classmethod
    def _trust(cls, document: str | dict[str, Any]) -> str | dict[str, Any]:
        Policy.parse_trust(document)
        return document

    @field_validator("policies")
    @classmethod
    def _policies(cls, documents: list[str | dict[str, Any]]) -> list[str | dict[str, Any]]:
        for document in documents:
            Policy.parse(document)
        return documents

    def role(self, account_id: str) -> Role:
        """Give the role."""
        return Role(
            arn=role_arn(account_id, self.name, self.path),
            trust=Policy.parse_trust(self.trust_policy),
            policies=tuple(map(Policy.parse, self.policies)),
            max_session_seconds=self.max_session_seconds,
        )
