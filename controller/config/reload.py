"""When a changed configuration is taken over, and when it is given up again: `[reload]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.config.section import Section


class Reload(Section):
    """How a changed configuration is taken over while calls go on."""

    watch: bool = False
    """Take over what changes in the files by itself; otherwise at SIGHUP and `controller reload`
    only."""
    interval: Annotated[float, Field(ge=0.1, le=3600, allow_inf_nan=False)] = 2.0
    """Seconds between two looks at the files; a change is taken over when two in a row agree."""
    unhealthy_after: Annotated[int, Field(ge=0, le=1000)] = 3
    """Calls of a new configuration that must fail one after the other, for the last good one to
    come back; 0: never."""
