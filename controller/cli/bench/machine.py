"""The machine in one line, because figures without it mean nothing."""

from __future__ import annotations

import os
import platform
import re
import ssl
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """Return processor, cores, kernel, interpreter, libraries, and how busy the machine is now."""
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores,"
        f" Linux {platform.release()}, Python {platform.python_version()},"
        f" uvloop {version('uvloop')}, aiohttp {version('aiohttp')}, {ssl.OPENSSL_VERSION};"
        f" load {load:.1f}"
    )


def _processor() -> str:
    found = re.search(r"^model name\s*: *(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()
