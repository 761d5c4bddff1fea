"""`/livez`, `/readyz`, `/metrics`: for whoever watches the service.

Alive and ready are different questions. Whoever fails the first is restarted, and with it every
call that it drives; whoever fails the second gets no new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


class Readiness(Protocol):
    """Whether new calls are welcome."""

    def reasons(self) -> Sequence[str]:
        """Return why they are not, as stable words: `draining`, `paused`, `accept_denied`."""

    def notes(self) -> Sequence[str]:
        """Return what is worth a look and no reason: `trunk_unverified`, `records_not_kept`."""


class HealthHandler:
    """Answers the three.

    Args:
        readiness: what `/readyz` says.
        registry: what `/metrics` shows.
    """

    def __init__(self, *, readiness: Readiness, registry: CollectorRegistry) -> None:
        self._readiness = readiness
        self._registry = registry

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/livez", self.live)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def live(self, _request: web.Request) -> web.Response:
        """Answer, which proves that the event loop runs. It asks nothing of anybody else."""
        return web.json_response({"alive": True})

    async def ready(self, _request: web.Request) -> web.Response:
        """Answer 200, or 503 with the reasons."""
        reasons = list(self._readiness.reasons())
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        body = {"ready": not reasons, "reasons": reasons, "notes": list(self._readiness.notes())}
        return web.json_response(body, status=status)

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer in the text format that the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
