"""`controller explain`: what would become of a call, and why, without a call."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from controller.cli import add_config_argument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from controller.cli import Subparsers
    from controller.config import Generation
    from controller.sansio.agent import Agent
    from controller.sansio.incoming import IncomingCall
    from controller.sansio.policy import Accept, Explanation
    from controller.sansio.webhook import CallOffered
    from controller.settings import Settings

_DESCRIPTION: Final = """\
Says what would become of a call that came in now, or at another time: the rules that were tried,
the one that decided, the SIP code or the agent, the instructions as the agent would be given them,
and the body of the accept. Nobody is called, and no running service is asked: the house is empty,
so limits are named and never reached. Asks for no secret: where one is not set, `${NAME}` as the
value of a header stands for it.
"""
_HIDDEN: Final = "(secret)"
_LINE: Final = "openai_sip"
"""The way by which calls come in."""
_FROM_TRUNK: Final = {
    True: "the call carries its secret header",
    False: "the call does not carry its secret header",
    None: "its calls cannot be told from others",
}


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "explain",
        help="say what would become of a call, and why",
        description=_DESCRIPTION,
        allow_abbrev=False,
    )
    add_config_argument(parser)
    parser.add_argument(
        "--from",
        dest="caller",
        metavar="NUMBER",
        help='who calls: "+12025550142"; withheld by default',
    )
    parser.add_argument("--name", help="the display name that comes with it")
    parser.add_argument("--to", metavar="NUMBER", help="the called number; unreadable by default")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        type=_header,
        metavar="NAME=VALUE",
        help="a further header of the INVITE; may be given several times, and `${NAME}` in the"
        " value stands for a secret",
    )
    parser.add_argument(
        "--webhook", type=Path, metavar="FILE", help="the saved body of a delivery instead"
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help='when: "2026-12-24 18:05", in the zone of [policy] time_zone (UTC without one) unless'
        " it names an offset; by default now, or when the delivery was sent",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it.

    Raises:
        ConfigurationError: Names every mistake of the configuration, or of an option.
    """
    import json

    from controller.sansio.policy import Load, explain
    from controller.settings import load_all

    settings, generation = load_all(args.config, with_secrets=False)
    offered = _offered(args)
    now = _instant(args.at, offered, settings)
    incoming = generation.trunk.read(offered, webhook_id="wh_explained")
    load = Load(live_calls=0, admitting=True)
    found = explain(incoming, generation.rules, load, now)
    answer = _answer(found, incoming, generation, now)
    answer["at"] = _time(now, settings)
    if args.json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        return 0
    for line in _lines(answer):
        print(line)
    return 0


def _header(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise argparse.ArgumentTypeError("must be NAME=VALUE, such as X-Tenant=acme")
    return name.strip(), value


def _instant(text: str | None, offered: CallOffered, settings: Settings) -> float:
    """Return the time that is meant, as Unix seconds."""
    from datetime import datetime

    from controller.errors import ConfigurationError, Problem

    if text is None:
        return offered.created_at
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        cure = 'must be like "2026-12-24 18:05"'
        raise ConfigurationError(Problem("--at", "", f"found {text!r}", cure)) from None
    if read.tzinfo is None:
        read = read.replace(tzinfo=_zone(settings))
    return read.timestamp()


def _zone(settings: Settings) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo(settings.policy.time_zone or "UTC")


def _time(now: float, settings: Settings) -> str:
    """Return a time as the house has it, with its offset: `2026-12-24 18:05 -0500, Thursday`."""
    from datetime import datetime

    return datetime.fromtimestamp(now, _zone(settings)).strftime("%Y-%m-%d %H:%M %z, %A")


def _offered(args: argparse.Namespace) -> CallOffered:
    """Return the call that is meant: a saved one, or one that comes now."""
    import time

    from controller.sansio.webhook import CallOffered

    if args.webhook is not None:
        _refuse_beside_a_webhook(args)
        return _saved(args.webhook)
    headers = (*((name, _filled(value)) for name, value in args.header), *_parties(args))
    return CallOffered("evt_explained", int(time.time()), "rtc_explained", headers)


def _refuse_beside_a_webhook(args: argparse.Namespace) -> None:
    from controller.errors import ConfigurationError, Problem

    beside = {"--from": args.caller, "--name": args.name, "--to": args.to, "--header": args.header}
    found = "stands beside --webhook, whose file says it"
    problems = [
        Problem(name, "", found, "leave one out") for name, given in beside.items() if given
    ]
    if problems:
        raise ConfigurationError(*problems)


def _filled(value: str) -> str:
    """Return a header's value with its secrets; one that is not set stands for itself."""
    import os

    from controller.config.secrets import Secrets, fill

    found = fill(value, Secrets(os.environ))
    return found if isinstance(found, str) else value


def _parties(args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    quoted = (args.name or "").replace("\\", "\\\\").replace('"', '\\"')
    yield "From", f'"{quoted}" <sip:{args.caller or "anonymous"}@trunk.example.net>'
    if args.to is not None:
        yield "To", f"<sip:{args.to}@trunk.example.net>"


def _saved(path: Path) -> CallOffered:
    """Return the call of a saved delivery."""
    from controller.errors import ConfigurationError, MalformedDelivery, Problem
    from controller.sansio.webhook import Unhandled, parse

    cure = "must be the body of a realtime.call.incoming delivery"
    try:
        event = parse(path.read_bytes())
    except OSError as error:
        found = f"cannot be read ({error.strerror})"
        raise ConfigurationError(Problem(str(path), "", found, cure)) from None
    except MalformedDelivery as error:
        found = f"is no delivery ({error})"
        raise ConfigurationError(Problem(str(path), "", found, cure)) from None
    if isinstance(event, Unhandled):
        raise ConfigurationError(Problem(str(path), "", f"is a {event.type} event", cure))
    return event


def _answer(
    found: Explanation, incoming: IncomingCall, generation: Generation, now: float
) -> dict[str, Any]:
    """Return everything that there is to say."""
    from controller.sansio.policy import Accept as Accepted
    from controller.sansio.policy import Reject

    decision = found.decision
    answer: dict[str, Any] = {
        "generation": generation.hash,
        "line": _LINE,
        "called_number": incoming.called.e164,
        "called_number_header": incoming.called.header,
        "caller_trust": incoming.caller_trust,
        "caller_kind": incoming.caller.kind,
        "trunk_is_verified": generation.trunk.is_verified,
        "is_from_trunk": incoming.is_from_trunk,
        "calendars": {
            name: "open" if calendar.is_open(now) else "closed"
            for name, calendar in generation.calendars.items()
        },
        "tried": [
            {"rule": each.name, "matches": each.matches, "why": each.why} for each in found.tried
        ],
        "decision": type(decision).__name__.lower(),
        "rule": decision.rule,
        "why": decision.why,
        "alarm": decision.alarm,
    }
    if isinstance(decision, Reject):
        answer["status_code"] = decision.status_code
    elif isinstance(decision, Accepted):
        answer["agent"] = decision.agent_name
        answer |= {"say": decision.say, "refer_to": decision.refer_to}
        answer["limits"] = list(found.limits)
        answer |= _told(decision, incoming, generation, now)
    return answer


def _told(
    decision: Accept, incoming: IncomingCall, generation: Generation, now: float
) -> dict[str, Any]:
    """Return what the agent would be given."""
    from controller.calls.decided import as_decided
    from controller.sansio.realtime.session import accept_body
    from controller.sansio.templating import Addressed

    facts = generation.lookup.facts if generation.lookup else {}
    agents = Addressed(generation.agents, generation.prompts, incoming, now=now, found=facts)
    agent = as_decided(agents[decision.agent_name], decision, generation.targets.values())
    return {
        "greeting": agent.greeting,
        "disclosure": agent.disclosure,
        "instructions": agent.instructions,
        "accept": accept_body(agent, held=_is_held(agent), secrets=_hidden(generation.secrets)),
    }


def _is_held(agent: Agent) -> bool:
    """Tell whether the first words are ours, as the conversation does (rule 6)."""
    return bool(agent.greeting or agent.disclosure)


def _hidden(secrets: Mapping[str, str]) -> dict[str, str]:
    return dict.fromkeys(secrets, _HIDDEN)


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    import json

    yield f"called number: {answer['called_number'] or 'cannot be read'}"
    unread = "; the number cannot be read" if answer["caller_kind"] == "unparsed" else ""
    yield f"caller: {answer['caller_trust']}{unread}"
    yield f"time: {answer['at']}"
    verified = "verified" if answer["trunk_is_verified"] else "unverified"
    yield f"trunk {verified}; {_FROM_TRUNK[answer['is_from_trunk']]}; line {answer['line']}"
    for name, state in answer["calendars"].items():
        yield f"calendar {name}: {state}"
    for each in answer["tried"]:
        yield f"rule {each['rule']}: {'matches' if each['matches'] else 'no'}; {each['why']}"
    yield f"decided by {answer['rule']}: {answer['why']}"
    if answer["alarm"]:
        yield f"alarm: {answer['alarm']}"
    if answer["decision"] == "ignore":
        yield "left to another controller of this project"
    elif answer["decision"] == "reject":
        yield f"rejected with {answer['status_code']}"
    else:
        yield f"answered by {answer['agent']}"
        if answer["say"]:
            yield f"first words: {answer['say']}"
        if answer["refer_to"]:
            yield f"then sent to: {answer['refer_to']}"
        yield from (f"counted under {each}" for each in answer["limits"])
        if answer["disclosure"]:
            yield f"disclosure: {answer['disclosure']}"
        if answer["greeting"] and not answer["say"]:
            yield f"greeting: {answer['greeting']}"
        yield from ("", "instructions:", *answer["instructions"].split("\n"), "", "accept:")
        yield json.dumps(answer["accept"], indent=2, ensure_ascii=False)
