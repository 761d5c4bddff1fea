"""What was measured on the SIP trunk, and how a call that comes over it is read (operations, O1).

The SIP address has no authentication, so a call of the trunk is known by what nobody else can
write: the *mark*, one or more headers with secret values that the trunk adds. Where there is a
mark, a call without it is a stranger's: nothing that a carrier says of a caller is believed of it.
Where there is none, calls cannot be told apart, and what they say is read as if it were the
trunk's; it authenticates nobody either way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from controller.sansio.incoming import IncomingCall, read_incoming
from controller.sansio.parties import CALLED_NUMBER_HEADERS
from controller.sansio.webhook import CallOffered


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkFacts:
    """The trunk, as far as it is known. Its `repr` shows no secret."""

    region: str = "US"
    """Country in which numbers without a country code are read."""
    called_number_headers: tuple[str, ...] = CALLED_NUMBER_HEADERS
    """Where the called number is looked for, in this order; the trunk's own headers first."""
    caller_headers: tuple[str, ...] = ()
    """Headers of the trunk that hold the caller, in this order, before those that all trunks use.
    Believed as P-Asserted-Identity is."""
    trust_verstat: bool = False
    """Believe `verstat=TN-Validation-Passed` beside a number (`parties.identify_caller`)."""
    mark: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Headers, names in lower case, with the values that only the trunk knows. () is no mark."""
    verified_at: date | None = None
    """When the field test was made; None: nothing here was measured yet."""
    advance_codes: tuple[int, ...] | None = None
    """SIP codes at which it tries its next route; None: not measured."""
    ring_time: float | None = None
    """Seconds that it rings when nobody takes the call."""
    refer_form: Literal["sip", "tel"] | None = None
    """What it takes in Refer-To."""
    refer_host: str | None = None
    """The host that it wants there, in lower case."""
    refer_seconds: float | None = None
    """From the REFER until the new leg rings."""

    @property
    def is_verified(self) -> bool:
        """Somebody has made the field test."""
        return self.verified_at is not None

    def read(self, offered: CallOffered, *, webhook_id: str) -> IncomingCall:
        """Read an offered call, as this trunk writes it. Never raises.

        Args:
            offered: What `webhook.parse` returned.
            webhook_id: From `webhook.verify`.
        """
        return read_incoming(
            offered,
            webhook_id=webhook_id,
            region=self.region,
            called_number_headers=self.called_number_headers,
            caller_headers=self.caller_headers,
            trust_verstat=self.trust_verstat,
            trunk_mark=self.mark,
        )
