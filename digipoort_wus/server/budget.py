"""What all clients together may make the gateway hold: connections, and octets in memory.

Values only: no socket, no clock. One thread uses them, the reactor's.

Why shares of octets are as they are. A client that announces 45 MB and sends nothing
holds nothing: only what has come counts. What has come counts until its request is
answered, for the parse holds it, too. One address may hold half of the whole. That alone
would let two addresses lock out the rest, for as long as a body may take; so when the
whole is used up, room is made by refusing a body that is still coming, from the address
that holds most, if that is more than whoever asks. Whoever holds little gets in always;
whoever holds most pays. A complete request is never thrown away: it is dealt with soon.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv6Address, ip_address

from digipoort_wus import limits


def party_of(host: str) -> str:
    """Return what counts as one address: an IPv4 address or the /64 of an IPv6 address."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


class Room(Enum):
    """What one connection more may have."""

    FREE = auto()
    TO_SAY_SO = auto()
    """Not more than to be told that there is none: up to a tenth over a limit."""
    NONE = auto()


class Connections:
    """Counts connections, in total and by address.

    Args:
        most: in total.
        most_per_address: of one address.
    """

    def __init__(
        self,
        most: int = limits.MAX_CONNECTIONS,
        most_per_address: int = limits.MAX_CONNECTIONS_PER_ADDRESS,
    ) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._number = 0
        self._by_address: dict[str, int] = {}

    @property
    def number(self) -> int:
        """Return how many there are."""
        return self._number

    def room_for(self, address: str) -> "Room":
        """Return whether there is room for one connection more of an address."""
        total, own = self._number + 1, self._by_address.get(address, 0) + 1
        if total <= self._most and own <= self._most_per_address:
            return Room.FREE
        if 10 * total <= 11 * self._most and 10 * own <= 11 * self._most_per_address:
            return Room.TO_SAY_SO
        return Room.NONE

    def limit_met(self, address: str) -> str:
        """Return which limit leaves no room for one connection more of an address, in words."""
        own = self._by_address.get(address, 0)
        return "of this address" if own >= self._most_per_address else "of all addresses together"

    def add(self, address: str) -> None:
        """Count one more."""
        self._number += 1
        self._by_address[address] = self._by_address.get(address, 0) + 1

    def remove(self, address: str) -> None:
        """Count one less."""
        self._number -= 1
        left = self._by_address[address] - 1
        if left:
            self._by_address[address] = left
        else:
            del self._by_address[address]


@dataclass(slots=True)
class _Account:
    """What one address holds."""

    octets: int = 0
    shares: list["Share"] = field(default_factory=list)


class Budget:
    """Octets that are held for clients.

    Args:
        most: in total; one address may hold half of it.
    """

    def __init__(self, most: int = limits.IN_FLIGHT_MAX_BYTES) -> None:
        self.most = most
        self.octets = 0
        self._accounts: dict[str, _Account] = {}

    def share(self, address: str, give_up: Callable[[], None]) -> "Share":
        """Return the share of one request; it holds nothing yet.

        Args:
            give_up: called when the share is taken away for somebody else's sake; its
                request is refused then. Not called any more once :meth:`Share.keep` was.
        """
        share = Share(self, address, give_up)
        self._accounts.setdefault(address, _Account()).shares.append(share)
        return share

    def has_room(self, address: str) -> bool:
        """Return whether an address that asks for much may have it now."""
        account = self._accounts.get(address)
        own = account.octets if account is not None else 0
        return self.octets < self.most and own < self.most // 2

    def _add(self, share: "Share", octets: int) -> None:
        self._accounts[share.address].octets += octets
        self.octets += octets
        share.octets += octets

    def _fits(self, share: "Share", octets: int) -> bool:
        account = self._accounts[share.address]
        if account.octets + octets > self.most // 2:
            return False
        while self.octets + octets > self.most:
            victim = self._victim(account.octets + octets)
            if victim is None:
                return False
            give_up = victim.give_up
            victim.close()
            if give_up is not None:
                give_up()
        return True

    def _victim(self, more_than: int) -> "Share | None":
        heavier = [account for account in self._accounts.values() if account.octets > more_than]
        for account in sorted(heavier, key=lambda account: account.octets, reverse=True):
            coming = [share for share in account.shares if share.give_up and share.octets]
            if coming:
                return max(coming, key=lambda share: share.octets)
        return None

    def _close(self, share: "Share") -> None:
        account = self._accounts[share.address]
        account.octets -= share.octets
        self.octets -= share.octets
        account.shares.remove(share)
        if not account.shares:
            del self._accounts[share.address]


class Share:
    """What one request holds; :meth:`close` gives it back."""

    __slots__ = ("_budget", "_open", "address", "give_up", "octets")

    def __init__(self, budget: Budget, address: str, give_up: Callable[[], None]) -> None:
        self._budget = budget
        self._open = True
        self.address = address
        self.octets = 0
        self.give_up: Callable[[], None] | None = give_up

    def take(self, octets: int) -> bool:
        """Hold so many octets more, and return whether there was room for them.

        Others may lose their share for it.
        """
        if not self._open or not self._budget._fits(self, octets):
            return False
        self._budget._add(self, octets)
        return True

    def charge(self, octets: int) -> None:
        """Hold so many octets more, which are in memory already, and keep the share."""
        self.give_up = None
        if self._open:
            self._budget._add(self, octets)

    def has_room(self) -> bool:
        """Return whether the address may ask for something large now."""
        return self._budget.has_room(self.address)

    def keep(self) -> None:
        """Keep the share from now on: its request is complete and will be answered."""
        self.give_up = None

    def close(self) -> None:
        """Give everything back; more than once is once."""
        if self._open:
            self._open = False
            self.give_up = None
            self._budget._close(self)
