"""What ties rows to each other: labels of payloads, and the octets that a row's MAC is over.

Who can write to the database and has no key of the ring can exchange what stands in rows. A
payload opens only under the secret of the filing that is asked for it, and as what it is there;
and a filing is worked on only when its row is the one that was written with that secret. See
docs/adr/0016-a-key-for-each-payload.md.
"""

import hmac
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum

from digipoort_wus.clock import format_utc
from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party

REQUEST = b"request"
"""Label of what shows the signed request of a filing or return message again."""
ANSWER = b"answer"
"""Label of the signed confirmation."""

_Value = str | int | None | list["_Value"]


class Binding(Enum):
    """Whether the row of a filing or return message is the one that was written with its secret."""

    HOLDS = "holds"
    BROKEN = "broken"
    NONE = "none"
    """There is no telling: version 3 stored it, or it was purged."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a row says that its MAC is over, and whether it is.

    Args:
        head: the octets, by the functions below.
        binding: whether they are those that were written.
    """

    head: bytes = field(repr=False)
    binding: Binding


def document_label(position: int, document: Document) -> bytes:
    """Return the label of a content: its place, 0 for the first, and how it is called."""
    return b"document" + _spelled([position, document.mime_type, document.file_name])


def inbox_label(peer: str, message_id: str, what: bytes) -> bytes:
    """Return the label of what is kept of an agency's message: REQUEST or ANSWER."""
    return b"inbox " + what + _spelled([peer, message_id])


def filing_head(filing: Filing, message_id: str, body_digest: bytes, documents: int) -> bytes:
    """Return what the row of a filing says: all that decides whose it is and where it goes.

    Args:
        filing: its contents are not read.
        message_id: wsa:MessageID.
        body_digest: by which a repeat is known.
        documents: how many it has, the attachments with it.
    """
    delivery = filing.delivery
    return b"filing" + _spelled(
        [
            *(filing.kenmerk, filing.berichtkenmerk, filing.sender, format_utc(filing.received_at)),
            *(filing.tls_oin, message_id, body_digest.hex(), documents),
            *(delivery.berichtsoort, _party(delivery.belanghebbende), delivery.rol_belanghebbende),
            *(delivery.kenmerk, delivery.aanleverkenmerk, delivery.eerder_aanleverkenmerk),
            *(_party(delivery.ontvanger), delivery.rol_ontvanger, delivery.autorisatie_adres),
        ]
    )


def message_head(message: ReturnMessage, documents: int) -> bytes:
    """Return what the row of a return message says, but when it was offered and to whom.

    Args:
        message: its contents are not read.
        documents: how many it has, the attachments with it.
    """
    return b"message" + _spelled(
        [
            *(message.kenmerk, message.berichtkenmerk, message.berichtsoort, documents),
            *(_party(message.belanghebbende), message.rol_belanghebbende),
            *(message.aanleverkenmerk, message.eerder_aanleverkenmerk, message.aanleveraar),
            *(_party(message.ontvanger), message.rol_ontvanger),
            json.dumps([asdict(finding) for finding in message.findings]),
            [[name, value] for name, value in message.elements],
        ]
    )


def of_filing(head: bytes, offered_at: datetime, filing_id: int, sender: str) -> bytes:
    """Return what the MAC of a return message is over: its head, and in whose mailbox it is."""
    return _spelled([format_utc(offered_at), filing_id, sender]) + head


def mac(key: bytes, octets: bytes) -> bytes:
    """Return the MAC of a row: HMAC-SHA256."""
    return hmac.digest(key, octets, "sha256")


def is_mac(key: bytes, octets: bytes, found: bytes) -> bool:
    """Tell whether a row has the MAC that it was written with."""
    return hmac.compare_digest(mac(key, octets), found)


def _party(party: Party | None) -> _Value:
    return None if party is None else [party.number, party.type]


def _spelled(values: list[_Value]) -> bytes:
    return json.dumps(values).encode("ascii")
