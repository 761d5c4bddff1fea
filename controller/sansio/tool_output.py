"""What a tool tells the model, and how long it may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

MAX_OUTPUT_BYTES: Final = 16 * 1024
"""Of UTF-8. The model pays for every token of an output, again in each later response."""


def bounded(text: str, limit: int = MAX_OUTPUT_BYTES) -> str:
    """Return the text, or its beginning and a note that it was cut, in so many bytes."""
    content = text.encode(errors="replace")  # half a surrogate pair has no UTF-8
    if len(content) <= limit:
        return content.decode()
    note = f"\n[cut: this is the beginning of {len(content)} bytes]"
    return content[: limit - len(note)].decode(errors="ignore") + note


INVALID: Final = "Some arguments are wrong. Nothing was done; correct them and call again."
UNSURE: Final = "What it did is not known."
NOT_DONE: Final = "Nothing was done."


def failed(error: str, message: str, more: Mapping[str, Any] | None = None) -> str:
    """Return the output of a tool that did not do it: `{"error": …, "message": …}`.

    Args:
        error: a stable word.
        message: a sentence for the model.
        more: what else helps the model; JSON values.
    """
    content = {"error": error, "message": message, **(more or {})}
    return bounded(json.dumps(content, ensure_ascii=False, separators=(",", ":")))
