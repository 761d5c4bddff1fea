"""HTTP tools: what an agent file declares, and the request that a call of the model's becomes.

The model fills in arguments, never an address: host and path are the operator's, and what goes into
them is percent-encoded (RFC 3986 §2.1), so that no argument can leave its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from controller.sansio.agent import ToolDeclaration

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class HttpTool:
    """A tool that is an HTTP request. Secrets are named in it, not held."""

    declaration: ToolDeclaration
    method: Method
    url: str
    """`https://…` with `{argument}` places in path and query."""
    headers: tuple[tuple[str, str], ...] = ()
    """Name and value; `${NAME}` in a value stands for a secret."""
    retries: int = 2
    """Further attempts after a connection that failed or a 502, 503, 504; only of safe methods
    (RFC 9110 §9.2.1) and of tools that are declared idempotent."""
    max_response_bytes: int = 65_536
    allow_private: bool = False
    """Private, loopback and link-local addresses may be asked (RFC 1918, RFC 4193)."""
