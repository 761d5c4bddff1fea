"""The items of a conversation, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.simulator.wire import JsonObject, RefusedError

if TYPE_CHECKING:
    from controller.simulator.host import Host


class Items:
    """Keeps the items of one call and says what becomes of them."""

    __slots__ = ("_host", "_items")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._items: dict[str, JsonObject] = {}

    def __contains__(self, item_id: object) -> bool:
        """Tell whether there is an item with this id."""
        return item_id in self._items

    @property
    def last_id(self) -> str | None:
        """The newest item, None at the start."""
        return next(reversed(self._items), None)

    def add(self, item: JsonObject, after: str | None = None) -> None:
        """Put an item into the conversation and say so.

        Args:
            item: the item with its id.
            after: the item before it, `root` for the start, None for the end.
        """
        previous = self.last_id if after is None else after
        if after is None:
            self._items[item["id"]] = item
        else:
            self._insert(item, after)
        self._host.emit(
            "conversation.item.added",
            previous_item_id=None if previous == "root" else previous,
            item=item,
        )

    def _insert(self, item: JsonObject, after: str) -> None:
        if after != "root" and after not in self._items:
            raise _missing(after, "previous_item_id")
        order = list(self._items.values())
        place = 0 if after == "root" else list(self._items).index(after) + 1
        order.insert(place, item)
        self._items = {one["id"]: one for one in order}

    def finish(self, item: JsonObject) -> None:
        """Replace an item by its final form and say so."""
        ids = list(self._items)
        self._items[item["id"]] = item
        position = ids.index(item["id"]) if item["id"] in ids else len(ids)
        self._host.emit(
            "conversation.item.done",
            previous_item_id=ids[position - 1] if position else None,
            item=item,
        )

    def get(self, item_id: str) -> JsonObject:
        """Return an item.

        Raises:
            RefusedError: there is none with this id.
        """
        if item_id not in self._items:
            raise _missing(item_id, "item_id")
        return self._items[item_id]

    def delete(self, item_id: str) -> None:
        """Remove an item.

        Raises:
            RefusedError: there is none with this id.
        """
        del self._items[self.get(item_id)["id"]]


def _missing(item_id: str, param: str) -> RefusedError:
    return RefusedError(
        f"Item with item_id '{item_id}' was not found in the conversation.",
        code="item_not_found",
        param=param,
    )
