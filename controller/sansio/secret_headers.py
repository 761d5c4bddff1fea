"""Headers with secret values, by which a call can be known; compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence


def carries(headers: Mapping[str, Sequence[str]], wanted: Sequence[tuple[str, str]], /) -> bool:
    """Tell whether each wanted header has its value in one of its repeats, letter by letter.

    Takes equally long wherever a value differs, and however many of them are right: somebody who
    tries values over the telephone network learns nothing from how fast the refusal comes.

    Args:
        headers: values by name, in lower case.
        wanted: names in lower case, with values.
    """
    has_all = True
    for name, value in wanted:
        expected, has_it = _bytes(value), False
        # Each is compared: how many there are is no secret, which of them is right may be.
        for each in headers.get(name, ()):
            has_it |= hmac.compare_digest(_bytes(each), expected)
        has_all &= has_it
    return has_all


def _bytes(text: str) -> bytes:
    """Encode for `compare_digest`, which takes no text beyond ASCII."""
    return text.encode("utf-8", "surrogatepass")
