"""Every error that we raise on purpose.

ControllerError
├── ConfigurationError      what the operator wrote is wrong; exit code 2, no traceback
├── DeliveryError           a webhook delivery that is not to be believed or understood
│   ├── SignatureError      not signed by a secret of ours, or not now
│   └── MalformedDelivery   signed, but not of the documented shape
├── LocalProtocolError      our own misuse of a pure machine: a bug here, never the peer's doing
├── Fenced                  a write by a process that no longer owns the call
├── ChannelError            a sideband socket
│   ├── ChannelRefused      it could not be opened
│   └── ChannelClosed       it is closed
├── ControlError            the running service could not be reached, or refused a command
└── SimulatorError          a scenario that cannot be read, or a stand-in used against its contract

What a remote party does wrong is data (events of the machines), not an exception.
No message holds a secret, a telephone number, a digit or a word that somebody said.
"""

from __future__ import annotations

from dataclasses import dataclass


class ControllerError(Exception):
    """Base of all errors that we raise on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the configuration, and its cure."""

    where: str
    """File and line (`controller.toml:12`), or the name of the variable or the option."""
    key: str
    """Dotted path of the setting, `policy.default_agent`; empty where there is none."""
    found: str
    """What is wrong, with the value found unless it is a secret."""
    cure: str
    """What is allowed, or what to do."""

    def __str__(self) -> str:
        """Return `where: key: found; cure` on one line."""
        place = f"{self.where}: {self.key}" if self.key else self.where
        return f"{place}: {self.found}; {self.cure}" if self.cure else f"{place}: {self.found}"


class ConfigurationError(ControllerError):
    """What the operator wrote is wrong. Carries every mistake that was found, not the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        """Return one line a problem."""
        return "\n".join(str(problem) for problem in self.problems)


class DeliveryError(ControllerError):
    """A webhook delivery that we refuse. `reason` is a stable word that reveals nothing secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SignatureError(DeliveryError):
    """The delivery is not signed by one of our secrets, or its timestamp is not of now."""


class MalformedDelivery(DeliveryError):
    """The delivery is signed, but is not UTF-8 JSON of the documented shape."""


class LocalProtocolError(ControllerError):
    """A pure machine was used against its contract: a bug of ours."""


class Fenced(ControllerError):
    """Another process owns the call by now; nothing more may be done for it here."""


class ChannelError(ControllerError):
    """The sideband of a call."""


class ChannelRefused(ChannelError):
    """The sideband could not be opened. `http_status` is None when no answer came."""

    def __init__(self, http_status: int | None, request_id: str | None = None) -> None:
        super().__init__(f"HTTP {http_status}" if http_status else "no answer")
        self.http_status = http_status
        self.request_id = request_id
        """`x-request-id`, for a ticket at the provider."""


class ChannelClosed(ChannelError):
    """The sideband is closed. `code` is the WebSocket close code, None when none came."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"close code {code}")
        self.code = code
        self.reason = reason


class ControlError(ControllerError):
    """The running service could not be reached over its socket, or refused a command."""


class SimulatorError(ControllerError):
    """A scenario that cannot be read, or a stand-in used against its contract."""
