"""Messages of ebMS to store, and short ways to store and read them."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg

from digipoort_wus.filing.content import Content, read_content
from digipoort_wus.store.ebms_values import (
    CpaRow,
    Direction,
    EbmsAnswer,
    EbmsHead,
    EbmsId,
    EbmsKey,
    EbmsMessage,
    EbmsPart,
    EbmsTask,
    Incoming,
    Received,
)
from digipoort_wus.store.ports import Store
from digipoort_wus.store.postgres import PostgresStore
from tests.unit.store.conftest import House
from tests.unit.store.samples import MINUTE, NOW, write

DAY = timedelta(days=1)
ANSWER = EbmsAnswer(b"<Acknowledgment/>", "text/xml", "ack-1@us", NOW)
ENVELOPE = b"<Envelope/>"


def head(
    message_id: str = "1@them",
    direction: Direction = Direction.IN,
    content: bytes = b"content",
) -> EbmsHead:
    return EbmsHead(
        key=EbmsKey(direction, "cpa", "urn:osb:oin:1", message_id),
        receiver="urn:osb:oin:2",
        conversation_id="conversation",
        service="osb:aanleveren:1.1$1.0",
        service_type="urn:osb:services",
        action="aanleveren",
        timestamp=NOW - MINUTE,
        at=NOW,
        persist_until=NOW + DAY,
        digest=hashlib.sha256(content).digest(),
        ref_to_message_id=None,
        time_to_live=NOW + DAY / 2,
        content_type="multipart/related; boundary=x",
        packaging='{"transfer_encoding": null}',
    )


def message(
    message_id: str = "1@them",
    direction: Direction = Direction.IN,
    *contents: Content,
    name: str | None = "é.xml",
) -> EbmsMessage:
    parts = tuple(
        EbmsPart(f"part-{number}@them", "application/xml", content, name)
        for number, content in enumerate(contents or (b"<x/>",))
    )
    return EbmsMessage(head(message_id, direction), ENVELOPE, parts)


def incoming(message_id: str = "1@them", *contents: Content, **more: object) -> Incoming:
    given = Incoming(message(message_id, Direction.IN, *contents), "RECEIVED", ANSWER, event="GOT")
    return replace(given, **more)  # type: ignore[arg-type]


def receive(store: Store, given: Incoming) -> Received:
    """Store a message in the way of who serves: what is large is sealed ahead."""
    prepared = store.prepare(given.message.documents, given.message.envelope)
    try:
        return write(store, lambda t: t.receive_ebms(given, prepared))
    finally:
        store.discard(prepared).result(20)


def send(store: Store, message_id: str = "1@us", at: datetime = NOW, *contents: Content) -> EbmsId:
    given = message(message_id, Direction.OUT, *contents)
    prepared = store.prepare(given.documents, given.envelope)
    try:
        return write(store, lambda t: t.send_ebms(given, "CREATED", at, prepared))
    finally:
        store.discard(prepared).result(20)


def claim(store: Store, now: datetime = NOW, limit: int = 10) -> Sequence[EbmsTask]:
    return write(store, lambda t: t.claim_ebms_tasks(now, MINUTE, limit))


def payloads_of(store: Store, ebms_id: EbmsId) -> list[bytes]:
    found = store.read(lambda reader: reader.ebms_content(ebms_id))
    return [read_content(part.content) for part in found.parts]


def expire(house: House, store: Store) -> None:
    """End all leases of tasks as if their time were over."""
    if isinstance(store, PostgresStore):
        with psycopg.connect(store.address) as connection:
            connection.execute("UPDATE ebms_task SET lease_until = 0 WHERE lease_until IS NOT NULL")
    else:
        house.expire(store)


def agreement(cpa_id: str = "cpa", octets: bytes = b"<CPA/>", at: datetime = NOW) -> CpaRow:
    return CpaRow(
        cpa_id,
        octets,
        at,
        {"https://old.example/": "https://new.example/"},
        {"ab" * 32: b"\x30\x82"},
        {"prefix": "eb", "roles_on_signals": True, "most": 3},
    )
