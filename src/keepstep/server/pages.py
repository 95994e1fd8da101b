"""The pages beside the API.

For operators: ``/health`` (the process), ``/ready`` (the store serves), ``/metrics``. For those
who check OpenID tokens: the keys, and the document that says where they are.
"""

from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keepstep.domain.openid_tokens import ALGORITHM, PUBLISHED_PATH, published
from keepstep.interfaces.service import TokenKeys
from keepstep.interfaces.storage import Store, StoreUnavailable

from .metrics import Metrics

OPENID_CONFIGURATION: Final = "/.well-known/openid-configuration"
KEY_SETS: Final = (PUBLISHED_PATH, "/.well-known/jwks.json")
WELL_KNOWN: Final = (OPENID_CONFIGURATION, *KEY_SETS)
_log = structlog.stdlib.get_logger()
_PUBLIC: Final = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}


def pages(store: Store, metrics: Metrics, issuer: str, token_keys: TokenKeys) -> Starlette:
    """Give the application that serves the pages."""

    async def health(request: Request) -> Response:
        del request
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        del request
        try:
            await store.check()
        except StoreUnavailable as error:
            _log.warning("not_ready", reason=str(error))
            return JSONResponse({"status": "the store does not answer"}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def exposition(request: Request) -> Response:
        del request
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    async def openid_configuration(request: Request) -> Response:
        document = {
            "issuer": issuer,
            "jwks_uri": str(request.base_url.replace(path=PUBLISHED_PATH)),
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }
        return JSONResponse(document, headers=_PUBLIC)

    async def key_set(request: Request) -> Response:
        del request
        await token_keys.current()  # made, if no token was signed yet
        return JSONResponse(published(await token_keys.published()), headers=_PUBLIC)

    return Starlette(
        routes=[
            Route(OPENID_CONFIGURATION, openid_configuration),
            *(Route(path, key_set) for path in KEY_SETS),
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", exposition),
        ]
    )
