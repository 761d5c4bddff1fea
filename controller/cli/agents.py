"""`controller agents`: who answers which number, and what each agent may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.cli import add_config_argument

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from controller.cli import Subparsers
    from controller.config import Generation
    from controller.sansio.agent import Agent
    from controller.sansio.policy import Decision


def register(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "agents",
        help="list the agents with their numbers, tools and targets",
        description="Lists the agents of the configuration, as `controller check` reads it: name,"
        " description, the called numbers, rules and limits that lead to it, tools and targets."
        " Asks for no secret.",
        allow_abbrev=False,
    )
    add_config_argument(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it.

    Raises:
        ConfigurationError: Names every mistake.
    """
    import json

    from controller.settings import load_all

    _, generation = load_all(args.config, with_secrets=False)
    agents = [_listed(agent, generation) for agent in generation.agents.values()]
    if args.json:
        print(json.dumps(agents, indent=2, ensure_ascii=False))
        return 0
    for agent in agents:
        for line in _lines(agent):
            print(line)
    return 0


def _listed(agent: Agent, generation: Generation) -> dict[str, Any]:
    rules = generation.rules
    return {
        "name": agent.name,
        "description": agent.description,
        "model": agent.model,
        "voice": agent.voice,
        "numbers": [number for number, name in rules.numbers.items() if name == agent.name],
        "default": rules.default_agent == agent.name,
        "rules": [rule.name for rule in rules.ordered if _leads(rule.then, agent)],
        "limits": [limit.name for limit in rules.limits if _leads(limit.over, agent)],
        "emergencies": _takes_emergencies(agent, generation),
        "tools": tools_of(agent),
        "targets": list(agent.offered),
        "fallback": agent.fallback,
        "agents": [each.name for each in agent.colleagues],
    }


def _leads(decision: Decision, agent: Agent) -> bool:
    from controller.sansio.policy import Accept

    return isinstance(decision, Accept) and decision.agent_name == agent.name


def _takes_emergencies(agent: Agent, generation: Generation) -> bool:
    emergencies = generation.rules.emergencies
    return emergencies is not None and emergencies.agent_name == agent.name


def tools_of(agent: Agent) -> list[str]:
    """Return what an agent's model may call, MCP servers by their label."""
    own = [each.name for each in agent.tools]
    return own + sorted(agent.built_in) + [f"mcp:{each.label}" for each in agent.mcp]


def _lines(agent: dict[str, Any]) -> Iterator[str]:
    described = f": {agent['description']}" if agent["description"] else ""
    yield f"{agent['name']}{described}"
    numbers = agent["numbers"] + (["numbers that cannot be read"] if agent["default"] else [])
    yield f"  numbers: {', '.join(numbers) or 'none'}"
    for key in ("rules", "limits"):
        if agent[key]:
            yield f"  {key + ':':<8} {', '.join(agent[key])}"
    if agent["emergencies"]:
        yield "  takes emergencies"
    yield f"  tools:   {', '.join(agent['tools']) or 'none'}"
    yield f"  targets: {', '.join(agent['targets']) or 'none'}"
    if agent["fallback"]:
        yield f"  fallback: {agent['fallback']}"
    if agent["agents"]:
        yield f"  hands over to: {', '.join(agent['agents'])}"
