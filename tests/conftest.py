from __future__ import annotations

import asyncio

# Python 3.11 makes an event loop for the first one who asks a thread that never had any.
# pytest-asyncio asks, to restore that loop after its own, and nobody closes it: a ResourceWarning
# in whatever test runs when it is collected. A thread that was told "none" makes none.
asyncio.set_event_loop(None)
