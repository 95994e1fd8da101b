"""The operators' pages: ``/health`` (the process), ``/ready`` (the store answers), ``/metrics``."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keepstep.interfaces.storage import Store, StoreUnavailable

from .metrics import Metrics


def operator_pages(store: Store, metrics: Metrics) -> Starlette:
    """Give the application that serves the pages."""

    async def health(request: Request) -> Response:
        del request
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        del request
        try:
            await store.check()
        except StoreUnavailable:
            return JSONResponse({"status": "the store does not answer"}, status_code=503)
        return JSONResponse({"status": "ok"})

    async def exposition(request: Request) -> Response:
        del request
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", exposition),
        ]
    )
