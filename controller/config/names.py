"""What may be a name."""

from __future__ import annotations

import re
from typing import Final

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Of agents, of targets and of values: what a URL, a log line and a model take without quoting."""
