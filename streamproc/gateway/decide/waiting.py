"""Places of those who haven't proven who they are: who has to go when there are more than places.

Nobody is kept out because strangers were first, or are many: a newcomer always gets in, and somebody goes for it. That
is one of whatever address takes up most; there the largest, and of equals the one that has waited longest. Who is small
and fast, as senders of hooks are, is the last to go.
"""

import ipaddress
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Waiting(Generic[Item]):
    """Their sizes add up to `most` at most, but for a single one that is larger."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: dict[Item, tuple[str, int]] = {}
        """In the order of their coming, with address and size."""
        self._sizes: Counter[str] = Counter()
        """By address."""
        self.size = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def enter(self, item: Item, address: str, size: int = 1) -> list[Item]:
        """It waits from now on. Returns who has to go for it, and doesn't wait any more."""
        gone: list[Item] = []
        while self._items and self.size + size > self._most:
            gone.append(self.first_to_go())
            self.leave(gone[-1])
        self._items[item] = (address, size)
        self._sizes[address] += size
        self.size += size
        return gone

    def leave(self, item: Item) -> None:
        """It doesn't wait any more, if it did."""
        address, size = self._items.pop(item, ("", 0))
        self.size -= size
        self._sizes[address] -= size
        if self._sizes[address] <= 0:
            del self._sizes[address]

    def first_to_go(self) -> Item:
        """Who would have to go. There must be one."""
        most = max(self._sizes.values())
        largest = [(item, size) for item, (address, size) in self._items.items() if self._sizes[address] == most]
        return max(largest, key=lambda each: each[1])[0]


def origin(address: str) -> str:
    """What of an address one sender has to itself: all of IPv4's, of IPv6's the network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
