"""A loaded generation, made ready for calls: its tools can be run, its requests can be sent.

What the process has one of (connections, places for tools that run) is shared by all generations;
what belongs to one (secrets, prices, the way to read the trunk) goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.calls.generations import Generation as CallGeneration
from controller.calls.lookups import Lookups, patient
from controller.calls.places import Places
from controller.calls.ports import Runnable
from controller.calls.toolbox import Toolbox
from controller.calls.world import World
from controller.clients.http_tools import HttpToolClient, HttpToolRunner
from controller.config import Generation
from controller.sansio.agent import Agent
from controller.sansio.http_tool import HttpTool


class Equipping:
    """Makes generations ready. To be used within the event loop.

    Args:
        world: the ports.
        http_client: sends the requests of HTTP tools.
    """

    def __init__(self, world: World, http_client: HttpToolClient) -> None:
        self._world = world
        self._http_client = http_client
        self._places = Places()  # one for all: the process is what must not be overrun

    def equip(self, generation: Generation) -> CallGeneration:
        """Return a generation as calls need it.

        Args:
            generation: as it was loaded.

        Raises:
            ConfigurationError: An HTTP tool cannot be run.
        """
        return CallGeneration(
            hash=generation.hash,
            agents=generation.agents,
            toolboxes={
                agent.name: self._toolbox(agent, generation) for agent in generation.agents.values()
            },
            rules=generation.rules,
            targets=generation.targets,
            prices=generation.prices,
            secrets=generation.secrets,
            prompts=generation.prompts,
            facts=generation.lookup.facts if generation.lookup else {},
            lookup=self._lookups(generation),
            pieces=generation.pieces,
            trunk=generation.trunk,
        )

    def _lookups(self, generation: Generation) -> Lookups | None:
        """Return what asks before a call is answered, None where nothing is asked."""
        lookup = generation.lookup
        if lookup is None:
            return None
        runnable: Runnable
        if lookup.http is not None:
            runnable = self._remote(patient(lookup.http), generation)
        else:
            runnable = generation.tools[lookup.tool or ""]  # one of the two is given
        return Lookups(lookup, runnable, clock=self._world.clock, meter=self._world.meter)

    def _toolbox(self, agent: Agent, generation: Generation) -> Toolbox:
        runnables = self._runnables(agent, generation)
        offered = {each.name for each in agent.tools}
        sensitive = agent.keypad.sensitive_tool
        return Toolbox(
            {name: each for name, each in runnables.items() if name in offered},
            clock=self._world.clock,
            meter=self._world.meter,
            places=self._places,
            sensitive=None if sensitive is None else runnables[sensitive],
        )

    def _runnables(self, agent: Agent, generation: Generation) -> Mapping[str, Runnable]:
        """Return an agent's tools, and the one for sensitive digits though the model has it not."""
        declared = generation.http_tools.get(agent.name, {})
        remote = {name: self._remote(each, generation) for name, each in declared.items()}
        names = [each.name for each in agent.tools if each.name not in remote]
        return {**remote, **{name: generation.tools[name] for name in names}}

    def _remote(self, tool: HttpTool, generation: Generation) -> HttpToolRunner:
        return HttpToolRunner(tool, self._http_client, secrets=generation.secrets)
