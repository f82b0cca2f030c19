"""The interface for applications on a transport in memory, behind one of two message services."""

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from twisted.internet.testing import StringTransport

from digipoort_wus import checks
from digipoort_wus.delivery.backend_settings import BackendSettings, BackendToken
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.errors import Refusal
from digipoort_wus.messaging.backend import Backend, nobody_else
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.backend import BackendDoor, BackendResource, BackendSite
from digipoort_wus.server.backend_asking import operation_of
from digipoort_wus.server.backend_shapes import require
from digipoort_wus.server.backend_values import PROBLEM
from digipoort_wus.server.backend_work import BackendDesk
from digipoort_wus.server.http import Head
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.store.ebms_values import EbmsRow
from tests.unit.messaging.parties import Gateway, Two, two_gateways
from tests.unit.server.test_site import Clock

ALL, LESS = "all-of-it", "messages-alone"
TOKENS = (
    BackendToken("all", hashlib.sha256(ALL.encode()).hexdigest(), agreements=True),
    BackendToken("less", hashlib.sha256(LESS.encode()).hexdigest()),
)
SETTINGS = BackendSettings(8447, tokens=TOKENS)


class Inline:
    """Workers without threads."""

    def submit(self, work: Any) -> Any:
        future: Future[object] = Future()
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)

    @property
    def check(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        require(self.told, PROBLEM)
        assert self.told["status"] == self.status
        return str(self.told["check"])


@dataclass
class Desk:
    """The interface of one of two gateways."""

    two: Two
    gateway: Gateway
    settings: BackendSettings = SETTINGS
    metrics: Metrics = field(default_factory=Metrics)
    is_taken_here: Callable[[EbmsRow], bool] = nobody_else

    def __post_init__(self) -> None:
        make: Any = Clock
        self.clock = make()
        service = self.gateway.service
        work = BackendDesk(service, Backend(service, self.is_taken_here), self.two.time)
        reactor = cast(Reactor, self.clock)
        self.full = self.revoked = False
        door = BackendDoor(work, self._oin, self._require_room)
        self.resource = BackendResource(self.settings, door, reactor, self.metrics)
        for name in ("_workers", "_waiting", "_reading"):
            setattr(self.resource, name, Inline())
        self.site = BackendSite(self.resource, reactor, self.metrics)

    def _oin(self, certificate: x509.Certificate) -> str:
        if self.revoked:
            raise Refusal(checks.PKI_REVOKED)
        return oin_of(certificate)

    def _require_room(self) -> None:
        if self.full:
            raise Refusal(checks.HTTP_BUSY, expected="room", received="a disk that is full")

    def connect(self) -> tuple[Any, StringTransport]:
        channel: Any = self.site.buildProtocol(cast(Any, None))
        transport = StringTransport()
        if channel is not None:
            channel.makeConnection(transport)
        return channel, transport

    def raw(self, octets: bytes) -> Answer:
        channel, transport = self.connect()
        channel.dataReceived(octets)
        # As a transport does; a connection that stays open counts.
        channel.connectionLost()
        return read(transport)

    def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        token: str | None = ALL,
        content_type: str = "application/json",
        host: str = "localhost:8447",
    ) -> Answer:
        """Ask, and require that what comes back is as the table says."""
        octets = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            octets = json.dumps(body).encode()
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [] if token is None else [f"Authorization: Bearer {token}"]
        if body is not None:
            lines += [f"Content-Type: {content_type}", f"Content-Length: {len(octets)}"]
        answer = self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + octets)
        if answer.status >= 400:
            assert answer.check
            return answer
        operation, _ = operation_of(Head(method, target.partition("?")[0], "", {}))
        shape = operation.answers[answer.status]
        if method == "HEAD" or shape is None:
            assert answer.body == b""
        elif not isinstance(shape, str):
            assert answer.headers["content-type"] == "application/json"
            require(answer.told, shape)
        assert answer.headers["x-content-type-options"] == "nosniff"
        return answer

    def new(self, message_id: str = "", **more: Any) -> dict[str, Any]:
        """Return a message as an application sends it."""
        letter = self.gateway.letter(self.two.pair)
        told: dict[str, Any] = {
            "cpaId": letter.cpa_id,
            "service": {"value": letter.service.value, "type": letter.service.type},
            "action": letter.action,
            "payloads": [{"mediaType": "application/xml", "base64": "PGEvPg==", "name": "a.xml"}],
        }
        return told | ({"messageId": message_id} if message_id else {}) | more


def read(transport: StringTransport) -> Answer:
    head, _, body = transport.value().partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body)


@contextmanager
def desks(
    pki: TestPki, directory: Path, profile: Profile = Profile.RM_S
) -> Iterator[tuple[Desk, Desk]]:
    """Give the interfaces of the agency and of Digipoort."""
    with two_gateways(pki, directory, profile) as two:
        yield Desk(two, two.agency), Desk(two, two.digipoort)
