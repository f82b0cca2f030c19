"""Two message services with stores of their own, joined by a wire that does what it is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.ebms.partners import Partner
from digipoort_wus.ebms.terms import SyncReply, Terms
from digipoort_wus.filing.content import read_content
from digipoort_wus.messaging.backend import Backend
from digipoort_wus.messaging.book import Book
from digipoort_wus.messaging.outbox import Outbox
from digipoort_wus.messaging.posting import HttpReply, NoAnswer
from digipoort_wus.messaging.sending import Letter
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction, EbmsRow, EbmsWanted, Quirk
from digipoort_wus.store.ports import Store
from tests.ebms_parties import AANLEVEREN, AFLEVEREN, AT, Pair, Side, pair
from tests.unit.store.conftest import House, sqlite_house
from tests.unit.store.ebms_samples import expire

PAYLOADS = (
    Payload("one@example.nl", "application/xml", b"<a>\r\n1</a>"),
    Payload("two@example.nl", "application/octet-stream", bytes(range(256)) * 8, "b.bin"),
)


class Killed(BaseException):
    """The process ends here."""


Hop = Callable[["Wire", str, bytes, str], HttpReply]
"""What the wire does with one request: passes it on, or something else."""


@dataclass
class Time:
    """A clock that is turned by hand."""

    now: datetime = AT

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, span: timedelta) -> None:
        self.now += span


@dataclass
class Gateway:
    """One of the two."""

    name: str
    side: Side
    house: House
    store: Store
    service: MessageService
    outbox: Outbox
    backend: Backend

    def letter(self, two: Pair, message_id: str | None = None, *more: Payload) -> Letter:
        agency = self.name == "agency"
        service = AANLEVEREN if agency else AFLEVEREN
        action = "aanleveren" if agency else "afleveren"
        payloads = more or PAYLOADS
        return Letter(
            two.agreement.cpa_id,
            self.side.id,
            service,
            action,
            payloads,
            "conversation-1",
            message_id=message_id,
        )

    def rows(self, direction: Direction | None = None) -> list[EbmsRow]:
        return list(self.backend.messages(EbmsWanted(direction=direction)))

    def told(self) -> list[str]:
        return [event.kind for event in self.backend.events()]

    def expire(self) -> None:
        expire(self.house, self.store)


@dataclass
class Wire:
    """Carries requests between the two; ``hops`` says what becomes of the next ones.

    Args:
        gateways: by URL.
        time: of both.
        hops: for the next requests, in order; behind the last all are passed on.
        seen: URL and octets of every request.
        died: names of gateways whose process ended.
    """

    gateways: dict[str, Gateway]
    time: Time
    hops: list[Hop] = field(default_factory=list)
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    died: list[str] = field(default_factory=list)

    def buried(self, gateway: Gateway) -> None:
        """Have the process of a gateway be another one, with what its store holds."""
        self.died.append(gateway.name)
        built = services(gateway.store, gateway.side, self.time, self, gateway.name)
        gateway.service, gateway.outbox, gateway.backend = built
        gateway.expire()

    def post_of(self, sender: str) -> "Post":
        return Post(self, sender)

    def carry(self, sender: str, url: str, octets: bytes, content_type: str) -> HttpReply:
        receiver = self.gateways[url]
        peer = self.named(sender).side.certificate
        inbound = Inbound(content_type, memoryview(octets), peer, self.time.now)
        try:
            reply = receiver.service.receive(inbound)
        except Killed as killed:
            self.buried(receiver)
            raise NoAnswer("who received it is gone") from killed
        return HttpReply(reply.status, reply.content_type, reply.body, receiver.side.certificate)

    def named(self, name: str) -> Gateway:
        return next(one for one in self.gateways.values() if one.name == name)

    def run(self) -> None:
        """Have both send what is due, until nothing is due any more."""
        while sum(one.outbox.run_once() for one in self.gateways.values()):
            pass


@dataclass
class Post:
    """The sockets of one gateway."""

    wire: Wire
    sender: str

    def __call__(
        self, url: str, package: WrittenPackage, partner: Partner, terms: Terms
    ) -> HttpReply:
        octets = read_content(package.content)
        self.wire.seen.append((url, octets))
        if self.wire.hops:
            hop = self.wire.hops.pop(0)
            return hop(self.wire, self.sender, octets, f"{url}\n{package.content_type}")
        return self.wire.carry(self.sender, url, octets, package.content_type)


def passed(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
    url, content_type = where.split("\n")
    return wire.carry(sender, url, octets, content_type)


def lost(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
    raise NoAnswer("lost")


def answer_lost(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
    passed(wire, sender, octets, where)
    raise NoAnswer("its answer is lost")


def doubled(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
    passed(wire, sender, octets, where)
    return passed(wire, sender, octets, where)


def answering(status: int, body: bytes = b"", content_type: str = "text/plain") -> Hop:
    def hop(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        return HttpReply(status, content_type, body, wire.named(sender).side.certificate)

    return hop


def delivered_but(status: int, body: bytes = b"") -> Hop:
    def hop(wire: Wire, sender: str, octets: bytes, where: str) -> HttpReply:
        passed(wire, sender, octets, where)
        return HttpReply(status, "text/plain", body)

    return hop


class Inline:
    """Posts what nobody keeps at once, in the thread that says it."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    def wake(self) -> None:
        pass

    def once(self, signal: object) -> None:
        self.outbox._waiting += 1
        self.outbox._post_once(signal)  # type: ignore[arg-type]


@dataclass
class Two:
    """Both, and what is between them."""

    pair: Pair
    wire: Wire
    agency: Gateway
    digipoort: Gateway
    time: Time


@contextmanager
def two_gateways(
    pki: TestPki,
    directory: Path,
    profile: Profile = Profile.RM_S,
    *,
    sync_reply: SyncReply = SyncReply.NONE,
    quirks: dict[str, Quirk] | None = None,
    retries: int = 8,
    houses: tuple[House, House] | None = None,
) -> Iterator[Two]:
    sync = sync_reply if profile.reliable else SyncReply.NONE
    found = pair(pki, profile, sync_reply=sync, retries=retries)
    time = Time()
    wire = Wire({}, time)
    built = houses or (sqlite_house(directory / "agency"), sqlite_house(directory / "digipoort"))
    with built[0].open() as first, built[1].open() as second:
        gateways = []
        for name, side, house, store in (
            ("agency", found.agency, built[0], first),
            ("digipoort", found.digipoort, built[1], second),
        ):
            gateway = Gateway(name, side, house, store, *services(store, side, time, wire, name))
            gateway.service.house.book.put(found.octets, quirks=quirks or {})
            wire.gateways[f"https://{name}.invalid/ebms"] = gateway
            gateways.append(gateway)
        yield Two(found, wire, gateways[0], gateways[1], time)
        for gateway in gateways:
            gateway.outbox.close(timedelta(0))


def services(
    store: Store, side: Side, time: Time, wire: Wire, name: str
) -> tuple[MessageService, Outbox, Backend]:
    book = Book(store, side.ours.ids, side.ours.identities, side.ours.trust, time)
    service = MessageService(store, book, host=f"{name}.example", clock=time, explain=True)
    outbox = Outbox(service, wire.post_of(name))
    service.attach(Inline(outbox))
    return service, outbox, Backend(service)
