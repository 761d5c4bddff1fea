"""What becomes of a mistake of ours in a handler: logged once, counted, answered 500."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeAlias

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.stdlib.get_logger(__name__)


def answer_faults(alarm: Callable[[str], None]) -> Middleware:
    """Return the middleware that stands round every handler.

    Nothing that somebody sends is meant to end here; what does is a bug.

    Args:
        alarm: counts it, as `handler_failed`.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception:  # noqa: BLE001  # the root of a request's task
            _log.exception("handler_failed", path=request.path)
            alarm("handler_failed")
            return web.json_response(
                {"error": "internal_error"}, status=HTTPStatus.INTERNAL_SERVER_ERROR
            )

    return middleware
