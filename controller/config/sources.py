"""What a generation is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from controller.config.document import KeyPath, dotted
from controller.config.lookup import LookupSection
from controller.config.policy.tables import PolicyTables
from controller.config.secrets import Secrets
from controller.config.targets import TransferRules, TransferTarget
from controller.sansio.policy import Rules
from controller.sansio.usage import PriceEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


def _nowhere(path: KeyPath) -> str:
    return dotted(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a generation is made from: two folders, and plain values of the settings."""

    agents_dir: Path
    tools_dir: Path | None
    """None: there are no tools of ours."""
    numbers: Sequence[tuple[str, str]] = ()
    """Called number (E.164 or `*`) and agent's name, in the order of the file."""
    targets: Mapping[str, TransferTarget] = field(default_factory=dict)
    rules: Rules = field(default_factory=lambda: Rules(numbers={}))
    """Of admission, what is said in plain values; its numbers are those above."""
    policy: PolicyTables = field(default_factory=PolicyTables)
    """The rest of admission, and the trunk, as written."""
    transfer_rules: TransferRules = field(default_factory=TransferRules)
    """What holds for all targets; our own numbers are those above."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Of the operator's own, for the texts of agents."""
    lookup: LookupSection | None = None
    """What is asked before a call is answered."""
    prices: tuple[PriceEntry, ...] = ()
    """The whole price list; where it is empty, nobody is warned of a model without a price."""
    secrets: Secrets = field(default_factory=Secrets)
    """Where secrets that agent files name are looked up."""
    with_secrets: bool = True
    """Ask for them; without, those that are not there are left out."""
    signs_http_tools: bool = True
    """There is a secret with which their requests are signed."""
    private_hosts: Collection[str] = ()
    """Hosts that HTTP tools may ask at private addresses."""
    where: Callable[[KeyPath], str] = field(default=_nowhere, repr=False)
    """Names file and line of a key of `controller.toml`, or the variable that set it."""
