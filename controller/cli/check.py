"""`controller check`: read the whole configuration; say what is in it, or what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.cli import add_config_argument
from controller.cli.agents import tools_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from controller.cli import Subparsers
    from controller.config import Generation
    from controller.sansio.agent import Agent
    from controller.sansio.lookup import Lookup
    from controller.sansio.policy import Decision


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "check",
        help="read the whole configuration and name every mistake",
        description="Reads what `controller run` would read: settings, agents, tools, numbers and"
        " targets. Prints what it found, or every mistake with file, line and cure. Nothing is"
        " started and nobody is called.",
        epilog="exit codes: 0 in order, 2 not in order",
        allow_abbrev=False,
    )
    add_config_argument(parser)
    parser.add_argument(
        "--without-secrets",
        action="store_true",
        help="do not ask for OPENAI_API_KEY and OPENAI_WEBHOOK_SECRET; for a check where they must"
        " not be, such as CI",
    )
    parser.add_argument(
        "--schema",
        choices=("settings", "agent"),
        help="print the JSON Schema of controller.toml, or of an agent's front matter, for an"
        " editor; check nothing",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it.

    Raises:
        ConfigurationError: Names every mistake.
    """
    from controller.config import UNREADABLE_CALLS
    from controller.errors import ConfigurationError, Problem
    from controller.settings import load_all

    if args.schema:
        print(_schema(args.schema), end="")
        return 0
    settings, generation = load_all(args.config, with_secrets=not args.without_secrets)
    for line in _summary(generation):
        print(line)
    if UNREADABLE_CALLS in generation.warnings:
        # Operations, O2: an error as long as nobody has measured what this trunk's headers hold.
        cure = 'name an agent in default_agent, or add a number "*"'
        where = str(settings.config_path)
        raise ConfigurationError(Problem(where, "policy.default_agent", UNREADABLE_CALLS, cure))
    print(f"{settings.config_path} is in order")
    return 0


def _schema(what: str) -> str:
    from controller.config import schemas
    from controller.settings import Settings

    if what == "agent":
        return schemas.written(schemas.agent_schema())
    return schemas.written(schemas.settings_schema(Settings))


def _summary(generation: Generation) -> Iterator[str]:
    yield f"generation {generation.hash}"
    yield "agents"
    for agent in generation.agents.values():
        tools = ", ".join(tools_of(agent)) or "none"
        yield f"  {agent.name}: {agent.model}, {agent.voice}; tools: {tools}"
        yield f"    {'; '.join(_driving(agent))}"
    yield "numbers"
    for number, name in generation.rules.numbers.items():
        yield f"  {number} -> {name}"
    yield f"  a number that cannot be read -> {_unreadable(generation)}"
    yield from _policy(generation)
    if generation.lookup is not None:
        yield f"look-up: {_looks_up(generation.lookup)}"
    if generation.targets:
        yield "targets"
    for target in generation.targets.values():
        hours = "; in its hours" if target.hours else ""
        after = f"; then {', '.join(target.next)}" if target.next else ""
        yield f"  {target.name}: {target.uri}{hours}{after}"
    for warning in generation.warnings:
        yield f"warning: {warning}"


def _looks_up(lookup: Lookup) -> str:
    asked = f"tool {lookup.tool}" if lookup.tool else "a request"
    facts = f"; facts: {', '.join(lookup.facts)}" if lookup.facts else ""
    agents = f"; may choose: {', '.join(lookup.agents)}" if lookup.agents else ""
    return f"{asked}, at most {lookup.timeout:g} s{facts}{agents}"


def _policy(generation: Generation) -> Iterator[str]:
    """Yield who else decides, and of what there may only be so much."""
    from controller.config.policy.trunk import known_as

    rules = generation.rules
    yield f"trunk: {'; '.join(known_as(generation.trunk))}"
    if rules.ordered:
        yield "rules"
    for rule in rules.ordered:
        yield f"  {rule.name}: {rule.decision.why} -> {_becomes(rule.then)}"
    yield "limits"
    for limit in rules.every_limit:
        yield f"  {limit.name}: {limit} -> {_becomes(limit.over)}"
    if rules.emergencies is not None:
        by = f", by {rules.emergencies.agent_name}" if rules.emergencies.agent_name else ""
        yield f"emergencies -> {rules.emergencies.refer_to}{by}"
    if generation.calendars:
        yield "calendars"
    for name, calendar in generation.calendars.items():
        days, once = len(calendar.days), len(calendar.overrides)
        other = f"{_counted(days, 'other day')}, {_counted(once, 'override')}"
        yield f"  {name}: {calendar.hours.zone}; {other}"
    if generation.lists:
        yield "lists"
    for name, found in generation.lists.items():
        yield f"  {name}: {len(found)} numbers and prefixes"


def _becomes(decision: Decision) -> str:
    """Return in a word what becomes of a call."""
    from controller.sansio.policy import Accept, Reject

    match decision:
        case Reject(code):
            return str(code)
        case Accept(agent, refer_to=None):
            return agent
        case Accept(agent, refer_to=target):
            return f"{agent}, then {target}"
        case _:
            return "left to another controller"


def _driving(agent: Agent) -> Iterator[str]:
    """Yield who else may get the caller, and what ends the call."""
    if agent.keypad.menu:
        yield f"keys: {', '.join(each.key for each in agent.keypad.menu)}"
    if agent.fallback:
        yield f"fallback: {agent.fallback}"
    if agent.colleagues:
        yield f"hands over to: {', '.join(each.name for each in agent.colleagues)}"
    spent = f" or {agent.budget.usd:.2f} USD" if agent.budget else ""
    yield f"ends after {agent.max_duration / 60:g} min{spent}"


def _unreadable(generation: Generation) -> str:
    """Return who takes a call whose called number cannot be read."""
    rules = generation.rules
    return rules.default_agent or rules.numbers.get("*") or "nobody"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
