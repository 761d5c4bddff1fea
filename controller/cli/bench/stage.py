"""What a benchmark needs on disk: a configuration, and a certificate for TLS."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Final

from controller.errors import ControllerError

_CONFIG: Final = """\
agents_dir = "agents"
tools_dir = "tools"

[server]
control_socket = "control.sock"

[policy]
default_agent = "frontdesk"
max_concurrent_calls = 100000
default_limits = false

[[numbers]]
number = "+12025550100"
agent = "frontdesk"
"""

_AGENT: Final = """\
+++
model = "gpt-realtime-2.1"
voice = "marin"
disclosure = false
greeting = "Thank the caller for calling Acme Dental and ask how you can help."
tools = ["opening_hours", "hang_up"]

[silence]  # calls are held in silence, and nobody is to be asked whether they are still there
ghost_prompts = []
ghost_end = 3600
idle_prompts = []
idle_end = 3600
ringing_out = 3600
+++
You are the receptionist of Acme Dental. You are friendly and brief. You answer questions about
opening hours with the tool, and never guess.
"""

_TOOL: Final = '''\
from controller.tools import tool


@tool
async def opening_hours(day: str) -> str:
    """Opening hours for a day of the week.

    Args:
        day: the weekday in English.
    """
    return "nine to five"
'''


def write_config(folder: Path) -> Path:
    """Write the service's configuration and return the path of its `controller.toml`."""
    for name, text in {
        "controller.toml": _CONFIG,
        "agents/frontdesk.md": _AGENT,
        "tools/acme.py": _TOOL,
    }.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "controller.toml"


async def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that lives a day, and its key.

    Raises:
        ControllerError: There is no `openssl`, or it failed.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ControllerError("openssl is not installed; only --quick needs no certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    command += " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    process = await asyncio.create_subprocess_exec(
        openssl,
        *command.split(),
        *("-keyout", key, "-out", certificate),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        raise ControllerError("openssl made no certificate")
    return certificate, key
