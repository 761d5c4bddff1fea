"""Where OpenAI's documents are silent, a named switch says how the stand-in behaves.

Faults (`faults.py`) are things that go wrong; switches are things that nobody outside OpenAI knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How the stand-in behaves where the documents do not say. The defaults are the strict ones."""

    unknown_parameters: Literal["refuse", "ignore"] = "refuse"
    """Top-level keys of a session config that do not exist."""
    bad_session: Literal["refuse", "dead_call"] = "refuse"
    """An invalid accept body: 400, or 200 and a call that dies (a report of May 2026)."""
    vad_numbers: Literal["tolerate", "refuse"] = "tolerate"
    """Threshold, padding and silence of the VAD in an accept body (agents-js #741)."""
    model_required: bool = False
    """Whether accept needs `model`; OpenAI's specification requires only `type`, Azure's both."""
    second_accept_status: Literal[404, 409] = 409
    """Accept or reject of a call that is already accepted."""
    hang_up_while_ringing: Literal[200, 404] = 404
    """Hang-up of a call that is not accepted yet: it has no session."""
    reject_codes: tuple[int, int] = (300, 699)
    """SIP codes that reject takes; the range is the Live API's, Realtime's is not written down."""
    end_of_call: Literal["drop", "close_1000", "close_1001"] = "drop"
    """How the sideband ends with the call: mostly without a close frame (close code 1006)."""
    sidebands: Literal["many", "newest", "first"] = "many"
    """A second sideband: both stay, the older one is closed, or the newer one is refused (409)."""
    reattach_replays: bool = False
    """Send the last `response.done` again after a reattach; proves that tools do not run twice."""
    audio_deltas: bool = False
    """Whether the sideband of a SIP call carries `response.output_audio.delta`."""
    transcript_deltas: bool = True
    """False sends a transcript in one piece: cheaper in a benchmark."""
    mcp_continues: bool = True
    """Whether a response goes on to say what MCP tools gave in it, without being asked again."""
    decision_limit: float = 10.0
    """Seconds until an INVITE that nobody decides fails with SIP 400."""
    session_limit: float = 3600.0
    """Seconds until OpenAI ends a session with close code 1001."""
    frame_limit: int = 16 * 1024 * 1024
    """Bytes of the largest client event that is read."""
    send_queue_limit: int = 5_000
    """Frames that wait for a slow client; one more, and its socket is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long people and machines take, in seconds."""

    word: float = 0.34
    """One spoken word, of the caller and of the model."""
    first_word: float = 0.3
    """From the start of a response to its first audio."""
    generation: float = 0.25
    """Part of the speaking time that the model needs to generate the audio."""
    silence: float = 0.5
    """From the caller's last word to the end of speech."""
    transcript: float = 0.4
    """From the end of the caller's speech to its transcript."""
    reply: float = 0.4
    """From the model's last word to the caller's next."""
    establish: float = 0.02
    """From accept to an answered SIP leg."""

    def times(self, factor: float) -> Pace:
        """Return this pace with every duration but `generation` (a ratio) multiplied."""
        return Pace(
            word=self.word * factor,
            first_word=self.first_word * factor,
            generation=self.generation,
            silence=self.silence * factor,
            transcript=self.transcript * factor,
            reply=self.reply * factor,
            establish=self.establish * factor,
        )


INSTANT = Pace().times(0.0)
"""Everything at once: for benchmarks, and for tests that are not about time."""
