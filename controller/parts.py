"""The parts of the service that are made from settings; `app` puts them together.

Everybody else receives plain values: nobody but this module and `app` knows how a setting becomes a
limit of a client or of a machine.
"""

from __future__ import annotations

import ssl
from typing import Final

from controller.calls.caller_refs import CallerRefs
from controller.calls.generations import Generations
from controller.calls.headroom import Headroom
from controller.calls.incident import Gate, IncidentRules, Incidents
from controller.calls.ports import Channels, Clock, Ledger, Line, Meter
from controller.calls.reception import Reception
from controller.calls.registry import Registry
from controller.calls.world import AlarmLimits, World
from controller.clients.http_tools import HttpToolClient
from controller.clients.openai_line import OpenAILine, RequestLimits
from controller.clients.sideband import SidebandLimits, Sidebands
from controller.clients.user_to_user import Handover
from controller.sansio.call import Limits
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


def http_tools(settings: Settings, tls: ssl.SSLContext, wall: Clock) -> HttpToolClient:
    """Return what sends the requests of HTTP tools. Needs a running event loop."""
    secret = settings.http_tools.signing_secret
    return HttpToolClient(
        clock=wall,
        ssl_context=tls,
        signing=() if secret is None else decode_secrets(secret.get_secret_value()),
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
