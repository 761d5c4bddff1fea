"""What a ledger may know of an effect: the one place where it is decided (operations, O13)."""

from __future__ import annotations

from dataclasses import replace

from controller.sansio.commands import Effect, RunTool
from controller.sansio.masking import mask_cards


def redacted(effect: Effect) -> Effect:
    """Return what may be kept of an effect.

    The arguments of a sensitive tool call are left out, those of the others go without the numbers
    of payment cards. So a call that is taken up after a crash cannot run a sensitive tool again:
    nobody has the digits any more.
    """
    if not isinstance(effect, RunTool):
        return effect
    arguments = "" if effect.is_sensitive else mask_cards(effect.call.arguments)
    return replace(effect, call=replace(effect.call, arguments=arguments))
