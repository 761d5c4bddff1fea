"""The parts of the service that are made from settings; `app` puts them together.

Everybody else receives plain values: nobody but this module and `app` knows how a setting becomes a
limit of a client or of a machine.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from controller.calls.caller_refs import CallerRefs
from controller.calls.generations import Generation as CallGeneration
from controller.calls.generations import Generations, Trunk
from controller.calls.headroom import Headroom
from controller.calls.incident import Gate, IncidentRules, Incidents
from controller.calls.lookups import Lookups, patient
from controller.calls.places import Places
from controller.calls.ports import Channels, Clock, Ledger, Line, Meter, Runnable
from controller.calls.reception import Reception
from controller.calls.registry import Registry
from controller.calls.toolbox import Toolbox
from controller.calls.world import AlarmLimits, World
from controller.clients.http_tools import HttpToolClient, HttpToolRunner
from controller.clients.openai_line import OpenAILine, RequestLimits
from controller.clients.sideband import SidebandLimits, Sidebands
from controller.clients.user_to_user import Handover
from controller.config import Generation
from controller.sansio.agent import Agent
from controller.sansio.call import Limits
from controller.sansio.parties import CALLED_NUMBER_HEADERS
from controller.sansio.realtime import Pace
from controller.sansio.webhook import decode_secrets
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


def world(
    settings: Settings,
    *,
    ledger: Ledger,
    line: Line,
    channels: Channels,
    clock: Clock,
    wall: Clock,
    meter: Meter,
) -> World:
    """Return what every call needs; `wall` is for what others compare with their clocks."""
    return World(
        ledger,
        line,
        channels,
        clock,
        meter,
        handover=_handover(settings, wall),
        gate=Gate(settings.incident.reattach_rate),
        headroom=Headroom(settings.policy.min_tokens_left),
        caller_refs=_caller_refs(settings),
        alarm_limits=AlarmLimits(
            slow_answer=settings.conversation.slow_answer_limit,
            slow_first_word=settings.conversation.slow_first_word_limit,
        ),
    )


def registry(settings: Settings, world: World) -> Registry:
    """Return what owns the calls."""
    incident = settings.incident
    rules = IncidentRules(
        share=incident.share,
        at_least=incident.at_least,
        within=incident.within,
        lasts=incident.lasts,
    )
    return Registry(world, incidents=Incidents(rules))


def http_tools(
    settings: Settings, generation: Generation, tls: ssl.SSLContext, wall: Clock
) -> HttpToolClient:
    """Return what sends the requests of HTTP tools. Needs a running event loop."""
    secret = settings.http_tools.signing_secret
    return HttpToolClient(
        clock=wall,
        ssl_context=tls,
        secrets=generation.secrets,
        signing=() if secret is None else decode_secrets(secret.get_secret_value()),
    )


def call_generation(
    settings: Settings, generation: Generation, world: World, http_client: HttpToolClient
) -> CallGeneration:
    """Return a generation as calls need it, its tools ready to run."""
    return CallGeneration(
        hash=generation.hash,
        agents=generation.agents,
        toolboxes=_toolboxes(generation, world, http_client),
        rules=generation.rules,
        targets=generation.targets,
        prices=generation.prices,
        secrets=generation.secrets,
        prompts=generation.prompts,
        facts=generation.lookup.facts if generation.lookup else {},
        lookup=_lookups(generation, world, http_client),
        trunk=Trunk(
            region=settings.trunk.default_region,
            # A trunk's own headers come first, in the order in which they were written.
            called_number_headers=(*settings.trunk.called_number_headers, *CALLED_NUMBER_HEADERS),
        ),
    )


def reception(
    settings: Settings, generations: Generations, calls: Registry, world: World
) -> Reception:
    """Return what takes verified deliveries."""
    return Reception(
        calls,
        world,
        generation=generations,
        limits=_limits(settings),
        pace=_pace(settings),
        stale_after=settings.webhook.stale_limit,
    )


def _limits(settings: Settings) -> Limits:
    openai, conversation = settings.openai, settings.conversation
    slowest = max(
        openai.accept_timeout, openai.reject_timeout, openai.refer_timeout, openai.hangup_timeout
    )
    return Limits(
        request=slowest + REQUEST_MARGIN,
        attach=openai.attach_timeout,
        session=openai.session_created_timeout,
        reattach=conversation.reattach_timeout,
        refer=conversation.transfer_timeout,
        confirm_end=conversation.confirm_end,
    )


def _pace(settings: Settings) -> Pace:
    conversation = settings.conversation
    return Pace(
        greeting_delay=conversation.greeting_delay,
        hold=conversation.greeting_hold,
        hold_disclosure=conversation.disclosure_hold,
        start=conversation.response_start_timeout,
        first_word=conversation.first_word_timeout,
        finish=conversation.response_finish_timeout,
        follow_up=conversation.follow_up_mcp,
    )


def _handover(settings: Settings, wall: Clock) -> Handover | None:
    handover = settings.handover
    if handover.secret is None:
        return None
    return Handover(
        handover.secret.get_secret_value().encode(),
        limit_bytes=handover.max_bytes,
        lifetime=handover.lifetime,
        clock=wall,
        encodings=handover.encodings,
    )


def _caller_refs(settings: Settings) -> CallerRefs:
    key = settings.log.caller_ref_key
    return CallerRefs(None if key is None else key.get_secret_value().encode())


def _lookups(generation: Generation, world: World, http_client: HttpToolClient) -> Lookups | None:
    """Return what asks before a call is answered, None where nothing is asked."""
    lookup = generation.lookup
    if lookup is None:
        return None
    runnable: Runnable
    if lookup.http is not None:
        runnable = HttpToolRunner(patient(lookup.http), http_client)
    else:
        runnable = generation.tools[lookup.tool or ""]  # one of the two is given
    return Lookups(lookup, runnable, clock=world.clock, meter=world.meter)


def _toolboxes(
    generation: Generation, world: World, http_client: HttpToolClient
) -> dict[str, Toolbox]:
    places = Places()  # one for all agents: the process is what must not be overrun
    return {
        agent.name: _toolbox(agent, _runnables(generation, agent, http_client), world, places)
        for agent in generation.agents.values()
    }


def _toolbox(
    agent: Agent, runnables: Mapping[str, Runnable], world: World, places: Places
) -> Toolbox:
    offered = {each.name for each in agent.tools}
    sensitive = agent.keypad.sensitive_tool
    return Toolbox(
        {name: each for name, each in runnables.items() if name in offered},
        clock=world.clock,
        meter=world.meter,
        places=places,
        sensitive=None if sensitive is None else runnables[sensitive],
    )


def _runnables(
    generation: Generation, agent: Agent, http_client: HttpToolClient
) -> dict[str, Runnable]:
    """Return an agent's tools, and the one for sensitive digits though the model has it not."""
    declared = generation.http_tools.get(agent.name, {})
    remote = {name: HttpToolRunner(each, http_client) for name, each in declared.items()}
    names = [each.name for each in agent.tools if each.name not in remote]
    return {**remote, **{name: generation.tools[name] for name in names}}
