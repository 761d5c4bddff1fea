"""The parts of the service that are made from settings; `app` puts them together.

Everybody else receives plain values: nobody but this module and `app` knows how a setting becomes a
limit of a client or of a machine.
"""

from __future__ import annotations

import ssl
from typing import Final

from controller.calls.ports import Clock, Meter
from controller.calls.reception import Generation as CallGeneration
from controller.calls.reception import Reception, Trunk
from controller.calls.registry import Registry
from controller.calls.toolbox import Toolbox
from controller.calls.world import World
from controller.clients.openai_line import OpenAILine, RequestLimits
from controller.clients.sideband import SidebandLimits, Sidebands
from controller.config import Generation
from controller.sansio.call import Limits
from controller.sansio.parties import CALLED_NUMBER_HEADERS
from controller.settings import Settings

REQUEST_MARGIN: Final = 4.0
"""Seconds that the machines wait longer than the clients, which normally answer first."""


def line(settings: Settings, tls: ssl.SSLContext, meter: Meter) -> OpenAILine:
    """Return the line to OpenAI. Needs a running event loop."""
    openai = settings.openai
    return OpenAILine(
        api_key=openai.api_key.get_secret_value(),
        base_url=openai.base_url,
        ssl_context=tls,
        meter=meter,
        limits=RequestLimits(
            accept=openai.accept_timeout,
            reject=openai.reject_timeout,
            refer=openai.refer_timeout,
            hang_up=openai.hangup_timeout,
        ),
    )


def sidebands(settings: Settings, tls: ssl.SSLContext) -> Sidebands:
    """Return where sidebands come from. Needs a running event loop."""
    openai = settings.openai
    return Sidebands(
        api_key=openai.api_key.get_secret_value(),
        base_url=openai.base_url,
        ssl_context=tls,
        limits=SidebandLimits(
            heartbeat=openai.heartbeat_interval, max_frame_bytes=openai.max_frame_bytes
        ),
    )


def reception(
    settings: Settings, generation: Generation, calls: Registry, world: World
) -> Reception:
    """Return what takes verified deliveries."""
    return Reception(
        calls,
        world,
        generation=CallGeneration(
            hash=generation.hash,
            agents=generation.agents,
            toolboxes=_toolboxes(generation, world.clock, world.meter),
            rules=generation.rules,
        ),
        trunk=Trunk(
            region=settings.trunk.default_region,
            # A trunk's own headers come first, in the order in which they were written.
            called_number_headers=(*settings.trunk.called_number_headers, *CALLED_NUMBER_HEADERS),
        ),
        limits=_limits(settings),
        stale_after=settings.webhook.stale_limit,
    )


def _limits(settings: Settings) -> Limits:
    openai = settings.openai
    slowest = max(
        openai.accept_timeout, openai.reject_timeout, openai.refer_timeout, openai.hangup_timeout
    )
    return Limits(
        request=slowest + REQUEST_MARGIN,
        attach=openai.attach_timeout,
        session=openai.session_created_timeout,
    )


def _toolboxes(generation: Generation, clock: Clock, meter: Meter) -> dict[str, Toolbox]:
    return {
        name: Toolbox(
            {each.name: generation.tools[each.name] for each in agent.tools},
            clock=clock,
            meter=meter,
        )
        for name, agent in generation.agents.items()
    }
