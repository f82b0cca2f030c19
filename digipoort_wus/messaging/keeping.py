"""How messages are kept: by what they are known again, and how they go out the same again."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from digipoort_wus.ebms.cpa import Agreement, PartyInfo
from digipoort_wus.ebms.message import DigestReference, MessageHeader, PartyId, Payload
from digipoort_wus.ebms.packaging import WrittenPackage, write_package
from digipoort_wus.ebms.quirks import Quirks, SignalPackage, TransferEncoding
from digipoort_wus.ebms.reliability import Way
from digipoort_wus.ebms.schedule import Schedule
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsContent,
    EbmsHead,
    EbmsKey,
    EbmsPart,
)


def spelled(ids: Sequence[PartyId]) -> str:
    """Return how a party stands in a store: its first id in the agreement, behind its type."""
    first = ids[0]
    return first.value if first.type is None else f"{first.type}:{first.value}"


def party_spelled(agreement: Agreement, text: str) -> PartyInfo | None:
    """Return the party of an agreement that is spelled so, None when it has another by now."""
    return next((party for party in agreement.parties if spelled(party.ids) == text), None)


def key_of(
    direction: Direction, cpa_id: str, sender: Sequence[PartyId], message_id: str
) -> EbmsKey:
    """Return by what a message is known again.

    Args:
        direction: seen from here.
        cpa_id: of the header.
        sender: ids of the From party in the agreement, which is one party whatever id was used.
        message_id: of the header.
    """
    return EbmsKey(direction, cpa_id, spelled(sender), message_id)


def head_of(
    key: EbmsKey,
    header: MessageHeader,
    receiver: Sequence[PartyId],
    *,
    at: datetime,
    persist_until: datetime,
    digest: bytes,
    content_type: str = "",
    packaging: str = "",
) -> EbmsHead:
    """Return what is kept of a header."""
    return EbmsHead(
        key=key,
        receiver=spelled(receiver),
        conversation_id=header.conversation_id,
        service=header.service.value,
        service_type=header.service.type,
        action=header.action,
        timestamp=header.timestamp,
        at=at,
        persist_until=persist_until,
        digest=digest,
        ref_to_message_id=header.ref_to_message_id,
        time_to_live=header.time_to_live,
        content_type=content_type,
        packaging=packaging,
    )


def parts_of(payloads: Iterable[Payload]) -> tuple[EbmsPart, ...]:
    """Return payloads as a store keeps them."""
    return tuple(
        EbmsPart(each.content_id, each.media_type, each.content, each.name) for each in payloads
    )


def payloads_of(parts: Iterable[EbmsPart]) -> tuple[Payload, ...]:
    """Return what a store kept as payloads."""
    return tuple(
        Payload(each.content_id, each.media_type, each.content, each.name) for each in parts
    )


@dataclass(frozen=True, slots=True)
class Posted:
    """How a message that goes out is packed and offered: the same at every attempt.

    Args:
        way: by what it is known to have arrived.
        plan: when it is offered.
        unique: of the boundary of its package.
        encoding: of its payloads.
        package: what it is sent as when it has none.
        references: what a signed acknowledgment has to repeat; None: it need not be signed.
        encrypted: its payloads are, for their receiver alone.
    """

    way: Way
    plan: Schedule
    unique: str
    encoding: TransferEncoding
    package: SignalPackage
    references: tuple[DigestReference, ...] | None
    encrypted: bool = False

    def written(self) -> str:
        """Return this as it stands in a store."""
        ends = self.plan.ends
        references = self.references
        return json.dumps(
            {
                "way": self.way.value,
                "retries": self.plan.retries,
                "interval": self.plan.interval.total_seconds(),
                "ends": None if ends is None else ends.astimezone(UTC).isoformat(),
                "unique": self.unique,
                "encoding": self.encoding.value,
                "package": self.package.value,
                "encrypted": self.encrypted,
                "references": None
                if references is None
                else [
                    [one.uri, one.digest_method, base64.b64encode(one.digest).decode("ascii")]
                    for one in references
                ],
            }
        )

    def packed(self, content: EbmsContent) -> WrittenPackage:
        """Return the octets that are sent: the same each time."""
        quirks = Quirks(signal_package=self.package, transfer_encoding=self.encoding)
        payloads = payloads_of(content.parts)
        return write_package(content.envelope or b"", payloads, unique=self.unique, quirks=quirks)


def posted(head: EbmsHead) -> Posted:
    """Return how a message that goes out was packed.

    Args:
        head: of what :meth:`Posted.written` is a part of.
    """
    said = json.loads(head.packaging)
    ends, references = said["ends"], said["references"]
    interval = timedelta(seconds=said["interval"])
    return Posted(
        Way(said["way"]),
        Schedule(said["retries"], interval, None if ends is None else datetime.fromisoformat(ends)),
        said["unique"],
        TransferEncoding(said["encoding"]),
        SignalPackage(said["package"]),
        None
        if references is None
        else tuple(
            DigestReference(uri, method, base64.b64decode(digest))
            for uri, method, digest in references
        ),
        said["encrypted"],
    )
