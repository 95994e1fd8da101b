"""Putting a server together from its settings, its clock and its source of randomness."""

import asyncio
import secrets
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from keepstep.domain.access import Developer
from keepstep.domain.roles import Roles
from keepstep.domain.sealing import Entropy
from keepstep.interfaces.delivery import Announcer, SyncTriggers
from keepstep.interfaces.logins import LoginVerifier
from keepstep.interfaces.service import Account, Clock, Service, Statistics
from keepstep.providers import (
    AmazonTokens,
    FacebookTokens,
    Fetcher,
    InsecureLogins,
    LoginProviders,
    OpaqueTokens,
)

from .announcements import Announcements
from .app import KeepstepApplication
from .authenticate import Authenticator
from .cors import CrossOrigin
from .deliveries import delivering
from .handle import Handler
from .housekeeping import Housekeeping
from .identity_settings import KNOWN_PROVIDERS
from .keys import KeyRing, SigningKey
from .live import LiveChanges
from .logs import RequestLog
from .metrics import Metrics
from .opened import OpenStore, RootKey, open_store, root_key, system_clock
from .pages import pages
from .pools import KnownPools
from .rate_limit import RateLimit
from .request import RequestIds
from .revocations import KnownRevocations
from .sessions import Sessions
from .settings import Settings, SettingsError
from .token_keys import TokenKeyRing


@asynccontextmanager
async def assemble(
    settings: Settings,
    *,
    clock: Clock = system_clock,
    entropy: Entropy = secrets.token_bytes,
    request_ids: RequestIds | None = None,
    metrics_directory: Path | None = None,
) -> AsyncGenerator[tuple[KeepstepApplication, RootKey]]:
    """Give the application of a server, working for as long as the block lasts.

    ``metrics_directory`` is where several workers add up their metrics.

    Raises StoreUnusable with what to do.
    """
    metrics = Metrics(metrics_directory)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_store(settings, metrics, entropy, clock))
        root = await root_key(settings, opened, now=clock(), entropy=entropy)
        housekeeping = Housekeeping(opened.store, metrics, clock, guest_days=settings.guest_days)
        stack.push_async_callback(housekeeping.finish)
        live = LiveChanges(opened.store, settings.limits)
        for work in (housekeeping, live):
            await stack.enter_async_context(_in_background(work.run()))
        deliveries = await stack.enter_async_context(
            delivering(settings, opened.store, metrics, clock, entropy)
        )
        announcements = Announcements([live.announce, deliveries.worker.announce])
        service = _service(
            settings, opened, housekeeping, deliveries.triggers, announcements, clock, entropy
        )
        keys = KeyRing(
            opened.store, opened.master, settings.account_id, _given_key(settings), clock
        )
        authenticator = Authenticator(
            keys,
            Sessions(opened.tokens, service.revocations),
            clock,
            regions=settings.regions,
            public_hosts=settings.public_hosts,
        )
        request_log = RequestLog(sys.stderr.buffer, clock) if settings.log_requests else None
        if request_log is not None:
            stack.callback(request_log.flush)
        application = KeepstepApplication(
            Handler(service, authenticator, RateLimit(settings.sign_ins_per_second, clock), live),
            pages(opened.store, metrics, settings.token_issuer, service.token_keys),
            metrics,
            CrossOrigin(settings.cors_origins),
            request_ids or RequestIds(entropy),
            live,
            body_bytes=settings.request_body_bytes,
            request_log=request_log,
        )
        yield application, root


def _service(
    settings: Settings,
    opened: OpenStore,
    statistics: Statistics,
    triggers: SyncTriggers,
    announcer: Announcer,
    clock: Clock,
    entropy: Entropy,
) -> Service:
    roles = [role.role(settings.account_id) for role in settings.roles]
    return Service(
        store=opened.store,
        pools=KnownPools(opened.store, clock, open_pools=settings.open_pools),
        statistics=statistics,
        sealer=opened.tokens,
        limits=settings.limits,
        clock=clock,
        entropy=entropy,
        account=Account(settings.account_id, settings.region, settings.token_issuer),
        roles=Roles(settings.account_id, roles, attach=settings.auto_roles),
        logins=_logins(settings, clock),
        token_keys=TokenKeyRing(opened.store, opened.master, settings.region, clock),
        revocations=KnownRevocations(opened.store, clock),
        triggers=triggers,
        announcer=announcer,
        trigger_developers=settings.trigger_developers,
    )


def _logins(settings: Settings, clock: Clock) -> LoginVerifier:
    """Give the verifier of logins. Raises SettingsError for providers that cannot be used."""
    configured = [provider.provider() for provider in settings.login_providers]
    names = {provider.name for provider in configured}
    known = [provider for provider in KNOWN_PROVIDERS if provider.name not in names]
    fetcher = Fetcher()
    opaque: list[OpaqueTokens] = []
    if settings.facebook_app_id is not None and settings.facebook_app_secret is not None:
        secret = settings.facebook_app_secret.get_secret_value()
        opaque.append(FacebookTokens(settings.facebook_app_id, secret, fetcher))
    if settings.amazon_logins:
        opaque.append(AmazonTokens(fetcher))
    try:
        verifier = LoginProviders(
            [*configured, *known],
            clock=clock,
            own_issuers=[settings.token_issuer],
            auto_trust_user_pools=settings.auto_trust_user_pools,
            opaque_tokens=opaque,
            fetcher=fetcher,
        )
    except ValueError as error:
        raise SettingsError(f"login_providers (KEEPSTEP_LOGIN_PROVIDERS): {error}") from None
    return InsecureLogins(verifier) if settings.insecure_logins else verifier


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _given_key(settings: Settings) -> SigningKey | None:
    if settings.access_key_id is None or settings.secret_access_key is None:
        return None
    developer = Developer(account_id=settings.account_id, access_key_id=settings.access_key_id)
    return SigningKey(developer, settings.secret_access_key.get_secret_value())
