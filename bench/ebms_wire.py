"""What ebMS over the wire costs a gateway process: signed once-only messages, and a large payload.

Messages are signed beforehand and posted by threads of this process over keep-alive mutual TLS;
each is answered with a signed acknowledgment, behind its commit.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from bench.ebms_signature import CONTENT
from bench.measure import progress, settled, use_of
from digipoort_wus.delivery.ebms_post import EbmsPost
from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.ebms.composing import business, finish
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_to_send
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.ebms.partners import Partner
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.pki.identity import Identity
from tests.wire.ebms import AANLEVER, DIGIPOORT_URL, Two, prepared

HEADER = (
    "ebMS over keep-alive mutual TLS, acknowledged in the answer",
    "messages/s",
    "server CPU ms",
    "in floors",
    "peak MB above idle",
)
_THREADS = 8
_WARMING_UP = 100
_LARGE = 50_000_000


def ebms_wire_rows(scratch: Path, *, messages: int, floor: float) -> list[tuple[str, ...]]:
    """Return a row for each size, measured on one gateway.

    Args:
        scratch: an empty folder.
        messages: how many of the small ones; of the large one there is one.
        floor: CPU seconds that a receiver cannot avoid.
    """
    with _sender(scratch) as sender:
        progress(f"ebMS, 10 kB: {messages} messages from {_THREADS} threads")
        sender.send([CONTENT] * _WARMING_UP)
        small = sender.send([CONTENT] * messages)
        progress("ebMS, 50 MB")
        large = sender.send([os.urandom(_LARGE)])
    progress("")
    return [
        _row("10 kB, signed, once only", small, floor),
        _row("50 MB, signed, once only", large, floor),
    ]


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one message: seconds of CPU, bytes of peak memory above idle, and how many a second."""

    cpu: float
    peak: int
    per_second: float


def _row(name: str, cost: _Cost, floor: float) -> tuple[str, ...]:
    return (
        name,
        f"{cost.per_second:.0f}" if cost.per_second > 10 else f"{cost.per_second:.1f}",
        f"{cost.cpu * 1000:.1f}",
        f"{cost.cpu / floor:.1f}",
        f"{cost.peak / 1e6:.0f}",
    )


@dataclass(frozen=True, slots=True)
class _Sender:
    """The other party of one agreement with a gateway that runs."""

    two: Two
    partner: Partner
    terms: Terms
    identity: Identity
    post: EbmsPost

    @property
    def pid(self) -> int:
        return self.two.digipoort.process.process.pid

    def send(self, contents: list[bytes]) -> _Cost:
        """Sign messages, then post them from some threads at a time."""
        packages = [self._packed(content) for content in contents]
        idle = settled(self.pid)
        with ThreadPoolExecutor(_THREADS) as pool:
            began = time.monotonic()
            list(pool.map(self._sent, packages))
            seconds = time.monotonic() - began
        used = use_of(self.pid)
        number = len(packages)
        return _Cost((used.cpu - idle.cpu) / number, used.peak - idle.resident, number / seconds)

    def _packed(self, content: bytes) -> WrittenPackage:
        payload = Payload(f"{uuid4()}@payload", "application/xml", content)
        message = business(
            self.terms,
            message_id=f"{uuid4()}@bench",
            conversation_id=str(uuid4()),
            at=datetime.now(UTC),
            payloads=[payload],
        )
        ready = finish(
            *(message, self.partner),
            unique=str(uuid4()),
            payloads=[payload],
            terms=self.terms,
            signature=self.terms.signature,
            signer=self.identity,
        )
        return ready.package

    def _sent(self, package: WrittenPackage) -> None:
        reply = self.post(self.two.digipoort.url, package, self.partner, self.terms)
        if reply.status != 200 or b"Acknowledgment" not in reply.body:
            raise RuntimeError(f"HTTP {reply.status}")


@contextmanager
def _sender(folder: Path) -> Iterator[_Sender]:
    two = prepared(folder)
    two.digipoort.start()
    try:
        pair = two.pair(Profile("osb-rm-s"), sync=True, retries=8, interval=timedelta(hours=3))
        two.digipoort.add(pair.octets, {DIGIPOORT_URL: two.digipoort.url})
        service, action = AANLEVER
        now = datetime.now(UTC)
        terms = terms_to_send(pair.agreement, pair.agency.id, service, action, at=now)
        identity = two.pki.identities["agency"]
        own = Credentials(identity, identity, two.pki.trust_store())
        post = EbmsPost(lambda: own)
        try:
            yield _Sender(two, Partner(pair.agreement), terms, identity, post)
        finally:
            post.close()
    finally:
        two.digipoort.stop()
