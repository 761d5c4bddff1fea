"""Who is busy: while somebody is, nobody is asked whether they are still there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from controller.sansio.agent import TAKE_MESSAGE, Agent
from controller.sansio.commands import CollectDigits
from controller.sansio.events import (
    CallerPaused,
    CallerSpoke,
    ChannelLost,
    DeadlineReached,
    Digit,
    DigitsEntered,
    FloorFree,
    FloorTaken,
    PromptDue,
    Ready,
    SilenceTimedOut,
    ToolFinished,
    ToolsCalled,
)
from controller.sansio.value import Value, replace
from controller.sansio.watching.given import Given

TOOL_MARGIN: Final = 5.0
"""Seconds beyond its time limit after which a tool counts as finished: the call's machine answers
some calls by itself, and then nobody reports their end."""
TOOL_TIMEOUT: Final = 8.0
"""Of `take_message`, which has no declaration of ours (operations, Defaults)."""
TOOLS_LIMIT: Final = 64
"""Tools that are followed at once."""


class Scene(Value, frozen=True):
    """Who has the floor, and what is waited for."""

    is_away: bool = True
    """There is no proven session: before the first `Ready`, and while the channel is lost."""
    is_floor_taken: bool = False
    is_prompting: bool = False
    """The floor is, or is about to be, taken by a prompt of ours or of the provider's: the silence
    goes on after it."""
    is_speaking: bool = False
    """The caller, as far as voice activity detection can tell."""
    collecting: str | None = None
    """`request_id` of the entry that was asked for."""
    is_sensitive: bool = False
    """A tool will get the entry."""
    tools: tuple[tuple[str, float], ...] = ()
    """`tool_call_id`, and the Unix seconds at which it counts as finished at the latest."""

    @property
    def is_busy(self) -> bool:
        """It is not the caller whom everybody waits for."""
        return (
            self.is_away or self.is_floor_taken or self.collecting is not None or bool(self.tools)
        )

    @property
    def deadline(self) -> float | None:
        """Unix seconds at which a tool counts as finished; None: none runs."""
        return min(until for _, until in self.tools) if self.tools else None


def follow(scene: Scene, given: Given, agent: Agent, now: float) -> Scene:
    """Return the scene after something happened."""
    match given:
        case FloorTaken():
            return replace(scene, is_floor_taken=True)
        case FloorFree():
            return replace(scene, is_floor_taken=False, is_prompting=False)
        case PromptDue() | SilenceTimedOut():
            return replace(scene, is_prompting=True)
        case CallerSpoke():
            return replace(scene, is_speaking=True, is_prompting=False)
        case CallerPaused():
            return replace(scene, is_speaking=False)
        case Digit():
            return replace(scene, is_prompting=False)
        case Ready() | ChannelLost():
            return replace(
                scene,
                is_away=isinstance(given, ChannelLost),
                is_floor_taken=False,
                is_prompting=False,
                is_speaking=False,
            )
        case CollectDigits():
            return replace(scene, collecting=given.request_id, is_sensitive=given.sensitive)
        case DigitsEntered():
            return _entered(scene, given, agent, now)
        case _:
            return _worked(scene, given, agent, now)


def _worked(scene: Scene, given: Given, agent: Agent, now: float) -> Scene:
    match given:
        case ToolsCalled():
            limits = _time_limits(agent)
            calls = (each for each in given.calls if each.name in limits)
            return _running(scene, ((each.tool_call_id, limits[each.name]) for each in calls), now)
        case ToolFinished():
            done = given.output.tool_call_id
            return replace(scene, tools=tuple(each for each in scene.tools if each[0] != done))
        case DeadlineReached():
            return replace(scene, tools=tuple(each for each in scene.tools if each[1] > now))
        case _:
            return scene


def _entered(scene: Scene, entered: DigitsEntered, agent: Agent, now: float) -> Scene:
    """An entry that was asked for is complete; a sensitive one goes on to its tool (O13)."""
    if entered.request_id is None or entered.request_id != scene.collecting:
        return scene
    after = replace(scene, collecting=None, is_sensitive=False)
    if not (scene.is_sensitive and entered.digits):
        return after
    limit = _time_limits(agent).get(agent.keypad.sensitive_tool or "", TOOL_TIMEOUT)
    return _running(after, ((entered.request_id, limit),), now)


def _time_limits(agent: Agent) -> dict[str, float]:
    """Return the seconds that each tool may take whose end will be reported."""
    return {TAKE_MESSAGE: TOOL_TIMEOUT, **{each.name: each.timeout for each in agent.tools}}


def _running(scene: Scene, begun: Iterable[tuple[str, float]], now: float) -> Scene:
    tools = dict(scene.tools)
    for tool_call_id, limit in begun:
        # A call that is made twice runs once; its end counts from the first.
        tools.setdefault(tool_call_id, now + limit + TOOL_MARGIN)
    return replace(scene, tools=tuple(tools.items())[:TOOLS_LIMIT])
