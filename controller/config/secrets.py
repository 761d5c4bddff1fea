"""Secrets that the configuration names: `${NAME}`, looked up where it is read, never written down.

A name is a variable of the environment, or a file of that name in lower case in
`$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`). Values leave this module only to be sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from controller.config.layers import read_credentials
from controller.config.telephony import Refusal
from controller.config.urls import SECRET, secrets_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.config.document import KeyPath
    from controller.config.problems import Complaints

OURS: Final = frozenset({"OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET"})
"""They open our own door: nobody else may be sent them."""

_SENDABLE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")  # RFC 9110 §5.5, ASCII; no blank at the ends


@dataclass(frozen=True, slots=True)
class Secrets:
    """Where secrets are looked up. Its `repr` shows none."""

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def find(self, name: str) -> str | Refusal:
        """Return a secret that may be sent in a header, or why there is none."""
        if name in OURS:
            return Refusal(f"{name} is never sent to anybody else", "give the service its own key")
        value = self._look_up(name)
        if isinstance(value, Refusal):
            return value
        if not value:
            return Refusal(
                f"{name} is not set", f"set it, or put it into the file {self._file(name)}"
            )
        if not _SENDABLE.fullmatch(value):
            return Refusal(
                f"{name} holds what no header may hold", "must be printable ASCII on one line"
            )
        return value

    def _look_up(self, name: str) -> str | Refusal:
        if value := self.environ.get(name):
            return value
        folder = self.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            return ""
        values, problems = read_credentials(Path(folder), {name: ()})
        for problem in problems:
            return Refusal(f"{problem.where}: {problem.found}", problem.cure)
        return values[0][1] if values else ""

    def _file(self, name: str) -> str:
        folder = self.environ.get("CREDENTIALS_DIRECTORY") or "$CREDENTIALS_DIRECTORY"
        return f"{name.lower()} of {folder}"


def fill(text: Any, secrets: Secrets) -> Any | Refusal:
    """Return a setting with its `${NAME}` filled in, or why one cannot be.

    What is no text, and what names no secret, stays as it is.
    """
    if not isinstance(text, str):
        return text
    values = {name: secrets.find(name) for name in secrets_in(text)}
    for value in values.values():
        if isinstance(value, Refusal):
            return value
    # In one pass: what a secret holds is not looked at again.
    return SECRET.sub(lambda place: str(values[place[1]]), text)


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills in the secrets that the policy names, and complains where one is missing."""

    secrets: Secrets = field(default_factory=Secrets)
    is_needed: bool = True
    """Without, a text whose secret is not there stands as it is written: no call has that value but
    one that `controller explain` makes up."""
    found: dict[str, str] = field(default_factory=dict, repr=False)
    """What was filled in so far, by name."""

    def fill(self, text: str, path: KeyPath, complaints: Complaints) -> str:
        """Return a text with its `${NAME}` filled in.

        Args:
            text: As written.
            path: Where it stands.
            complaints: Takes what is wrong.
        """
        if "${" in SECRET.sub("", text):
            cure = "must be like ${TRUNK_SECRET}: capitals, digits and _"
            complaints.add(path, "holds ${ and no name", cure)
            return text
        value = fill(text, self.secrets)
        if not isinstance(value, Refusal):
            self.found.update((name, str(self.secrets.find(name))) for name in secrets_in(text))
            return str(value)
        if self.is_needed or OURS.intersection(secrets_in(text)):
            complaints.add(path, value.found, value.cure)
        return text
