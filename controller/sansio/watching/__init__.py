"""What watches a call: silence, keys, money. Sans I/O.

Theory of operation. A watcher sees every event of the call and the commands that are meant for it,
and says what follows from them and from time: that nobody seems to be there (`silence`), that the
caller has entered digits or pressed a key of the menu (`keypad`), that the call has cost so much
(`spending`). It decides nothing: the call's machine does, and ignores in ENDING what means nothing
there any more.

Each watcher is a frozen value behind a small class with `receive`, `deadline` and `value`, like the
machines; `Watchers` joins them. What `silence` knows is of three kinds, with a room each: `scene`
(who is busy), `quiet` (how long nothing is heard) and `doubt` (whether what is heard is a human).
"""

from controller.sansio.watching.watchers import Watchers

__all__ = ["Watchers"]
