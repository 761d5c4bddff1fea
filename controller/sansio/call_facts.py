"""Proof of who asks: the facts of a call, signed, in the headers of an HTTP tool's request.

`Controller-Call` holds the facts as compact JSON. The three headers of Standard Webhooks 1.0.0
carry one signature over that header's value and, where the request has a body, another over the
body: a receiver checks each with any library of that standard, since one good signature among
several is enough for it. A JWT would have needed a second library, a second secret, and would still
not have covered the body.

The specification signs neither method nor URL. So the facts name both: the arguments of a GET stand
in its URL, and must be as trustworthy as a body.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from controller.sansio.http_tool import HttpRequest
from controller.sansio.webhook import Secret, sign

FACTS_HEADER: Final = "Controller-Call"

_ID_DIGITS: Final = 32


def delivery_id(call_id: str, tool_call_id: str) -> str:
    """Return the `webhook-id` of a tool call: the same at every attempt, also after a restart.

    A hash, because the parts of the signed content are joined by full stops, which an id of
    somebody else's may hold.
    """
    text = f"{call_id}\n{tool_call_id}".encode(errors="replace")
    return "tool_" + hashlib.sha256(text).hexdigest()[:_ID_DIGITS]


def signed_headers(
    request: HttpRequest,
    facts: Mapping[str, str | None],
    *,
    secrets: Sequence[Secret],
    now: float,
) -> tuple[tuple[str, str], ...]:
    """Return the headers that prove the facts, for one attempt of a request.

    Args:
        request: What they go with.
        facts: `call_id` and `tool_call_id` among them. None: not known, or withheld.
        secrets: Those that sign. With none, nothing is sent: what nobody can check proves nothing.
        now: Unix seconds.
    """
    if not secrets:
        return ()
    content = {**facts, "request": f"{request.method} {request.url}"}
    value = json.dumps(content, separators=(",", ":"))  # ASCII, without line breaks
    payloads = [value.encode()] if request.body is None else [value.encode(), request.body]
    proof = sign(
        secrets,
        *payloads,
        webhook_id=delivery_id(facts["call_id"] or "", facts["tool_call_id"] or ""),
        timestamp=int(now),
    )
    return ((FACTS_HEADER, value), *proof)
