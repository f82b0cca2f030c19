"""An example agency: what it says to a filing, and how it misbehaves when it is told to.

It judges next to nothing: XML that can be read is fine. Everything is a function of a filing
and a seed, so a run can be repeated.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from digipoort_wus.clock import format_utc
from digipoort_wus.delivery.inbox import Arrival, Taken
from digipoort_wus.delivery.messages import Verdict
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Delivery, Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError
from digipoort_wus.names import AFLEVER
from digipoort_wus.process.details import response_message
from digipoort_wus.xmlsafe.parse import parse_document

ACCEPTED, REFUSED = "500", "510"
_IDS = uuid5(NAMESPACE_URL, "urn:digipoort-wus:agency")
_RECEIPT = "urn:digipoort-wus:agency:ontvangstbevestiging"
_REPORT, _OFFER = "zetStatus", "aanbieden"


@dataclass(frozen=True, slots=True)
class Conduct:
    """How an agency misbehaves; the plain one does not.

    Args:
        slow: seconds before it answers a delivery.
        lose_answers: how many of its answers are lost on the way, from 0 to 1; what they
            acknowledge was kept.
        refuse: it refuses the content of every filing: 510.
        fault: code of the afleverFault that it answers every delivery with; empty for none.
        down_for: seconds from its start during which it answers 503.
        double_report: it says everything to the gateway a second time, under another MessageID.
        seed: decides which answers are lost.
    """

    slow: float = 0
    lose_answers: float = 0
    refuse: bool = False
    fault: str = ""
    down_for: float = 0
    double_report: bool = False
    seed: int = 0

    def loses(self, taken: Taken) -> bool:
        """Return whether the answer to this arrival of a filing is lost."""
        chance = random.Random(  # noqa: S311 - nobody has to guess it
            f"{self.seed}/{taken.arrival.message_id}/{taken.times}"
        )
        return chance.random() < self.lose_answers


def read_arrival(
    body_child: etree._Element, content: bytes, *, sender: str, message_id: str, digest: bytes
) -> Arrival:
    """Read a verified and valid ``afleverRequest``.

    Args:
        body_child: the element.
        content: decoded octets of its berichtInhoud.
        sender: OIN of its signer.
        message_id: its wsa:MessageID.
        digest: SHA-256 of the element in its canonical form.
    """

    def text(path: str) -> str:
        steps = "/".join(f"{{{AFLEVER.types}}}{step}" for step in path.split("/"))
        return " ".join((body_child.findtext(steps) or "").split())

    return Arrival(
        sender=sender,
        message_id=message_id,
        digest=digest,
        kenmerk=text("kenmerk"),
        berichtkenmerk=text("berichtkenmerk"),
        berichtsoort=text("berichtsoort"),
        aanleverkenmerk=text("aanleverkenmerk") or None,
        belanghebbende=Party(
            text("identiteitBelanghebbende/nummer"), text("identiteitBelanghebbende/type")
        ),
        rol_belanghebbende=text("rolBelanghebbende"),
        aanleveraar=text("identiteitAanleveraar") or None,
        content=content,
    )


def aflever_response(taken: Taken) -> etree._Element:
    """Return the answer to a delivery: the same at every repeat."""
    arrival = taken.arrival
    root = etree.Element(f"{{{AFLEVER.types}}}afleverResponse", nsmap={None: AFLEVER.types})
    for name, text in (
        ("kenmerk", arrival.kenmerk),
        ("berichtsoort", arrival.berichtsoort),
        ("berichtkenmerk", arrival.berichtkenmerk),
        ("tijdstempelAfgeleverd", format_utc(taken.taken_at)),
    ):
        etree.SubElement(root, f"{{{AFLEVER.types}}}{name}").text = text
    return root


def judged(taken: Taken, conduct: Conduct) -> str:
    """Return the verdict on a filing: 500, or 510."""
    if conduct.refuse:
        return REFUSED
    try:
        parse_document(taken.arrival.content)
    except Refusal:
        return REFUSED
    return ACCEPTED


def verdict_of(taken: Taken, verdict: str, at: datetime) -> Verdict:
    """Return what is reported of a filing.

    Args:
        verdict: 500 or 510.
        at: when it was judged, aware.
    """
    arrival, accepted = taken.arrival, verdict == ACCEPTED
    kind, said = _SAID[verdict]
    own_id = str(uuid5(_IDS, arrival.berichtkenmerk))
    details = response_message(_filing(taken), own_id, taken.taken_at, kind, (said,))
    return Verdict(
        kenmerk=arrival.kenmerk,
        berichtkenmerk=arrival.berichtkenmerk,
        code=verdict,
        at=at,
        error=None if accepted else StatusError("EXAMPLE510", "De voorbeeldinstantie wijst af."),
        details=details,
    )


def return_message(taken: Taken, verdict: str, at: datetime) -> ReturnMessage:
    """Return the message for the mailbox of whoever the filing is about.

    Args:
        verdict: 500 or 510.
        at: when it was judged, aware.
    """
    arrival = taken.arrival
    root = etree.Element(f"{{{_RECEIPT}}}Bericht", nsmap={None: _RECEIPT})
    for name, text in (
        ("Kenmerk", arrival.kenmerk),
        ("Berichtsoort", arrival.berichtsoort),
        ("Ontvangen", format_utc(taken.taken_at)),
        ("Beoordeeld", format_utc(at)),
        ("Uitkomst", _SAID[verdict][1][2]),
        ("Toelichting", "Dit bericht komt van een voorbeeld; er is geen aangifte gedaan."),
    ):
        etree.SubElement(root, f"{{{_RECEIPT}}}{name}").text = text
    content = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return ReturnMessage(
        kenmerk=arrival.kenmerk,
        berichtkenmerk=str(uuid5(_IDS, f"{arrival.berichtkenmerk}/bericht")),
        berichtsoort=arrival.berichtsoort,
        offered_at=at,
        belanghebbende=arrival.belanghebbende,
        rol_belanghebbende=arrival.rol_belanghebbende,
        document=Document("text/xml", "bericht.xml", content),
        aanleverkenmerk=arrival.aanleverkenmerk,
        ontvanger=None if arrival.aanleveraar is None else Party(arrival.aanleveraar, "OIN"),
        elements=(("BerichtkenmerkAanlevering", arrival.berichtkenmerk),),
    )


def report_id(taken: Taken, time: int = 1) -> str:
    """Return the wsa:MessageID of a report; of its repetition when ``time`` is 2."""
    return _message_id(taken, _REPORT, time)


def offer_id(taken: Taken, time: int = 1) -> str:
    """Return the wsa:MessageID of an offered message; of its repetition when ``time`` is 2."""
    return _message_id(taken, _OFFER, time)


def _filing(taken: Taken) -> Filing:
    arrival = taken.arrival
    return Filing(
        kenmerk=arrival.kenmerk,
        berichtkenmerk=arrival.berichtkenmerk,
        sender=arrival.aanleveraar or "",
        received_at=taken.taken_at,
        delivery=Delivery(
            berichtsoort=arrival.berichtsoort,
            belanghebbende=arrival.belanghebbende,
            rol_belanghebbende=arrival.rol_belanghebbende,
            document=Document("", "", arrival.content),
        ),
    )


def _message_id(taken: Taken, what: str, time: int) -> str:
    return f"urn:uuid:{uuid5(_IDS, f'{taken.arrival.berichtkenmerk}/{what}/{time}')}"


_SAID: Mapping[str, tuple[str, tuple[str, str, str]]] = MappingProxyType(
    {
        ACCEPTED: ("acknowledgement", ("A", "0001", "Status: Verwerkbaar")),
        REFUSED: ("error", ("E", "0002", "Status: Niet verwerkbaar")),
    }
)
"""Response type, and class, code and description, by verdict."""
