"""Which extensions of ebMS an envelope has: each once, where it belongs, for us.

All of it is judged of the envelope as it came, also what its signature leaves out: so nobody
can add to a signed message anything that another reader might take for a part of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH, ACTOR_TO_PARTY, EB, VERSION
from digipoort_wus.errors import Refusal
from digipoort_wus.names import DS, SOAP
from digipoort_wus.soap.envelope import children_only, local_name, must_understand, namespace

ENVELOPE, HEADER, BODY = "/Envelope", "//Header", "//Body"
ACTOR = f"{{{SOAP}}}actor"
HEADER_EXTENSIONS = frozenset(
    {"MessageHeader", "SyncReply", "AckRequested", "Acknowledgment", "ErrorList", "MessageOrder"}
)
BODY_EXTENSIONS = frozenset({"Manifest", "StatusRequest", "StatusResponse"})
_ACTORS: Mapping[str, frozenset[str | None]] = {
    "SyncReply": frozenset({ACTOR_NEXT}),
    "AckRequested": frozenset({None, ACTOR_TO_PARTY}),
    "Acknowledgment": frozenset({None, ACTOR_TO_PARTY}),
}
_NO_ACTOR: frozenset[str | None] = frozenset({None})
# Whom we are: what another actor must understand is not ours to understand.
_OURS = frozenset({None, "", ACTOR_TO_PARTY, ACTOR_NEXT, ACTOR_NEXT_MSH})
_SIGNATURE = f"{{{DS}}}Signature"
_WITH_ACTOR = etree.XPath("//*[@soap:actor]", namespaces={"soap": SOAP})


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions of ebMS in an envelope, by their local names."""

    header: Mapping[str, etree._Element]
    body: Mapping[str, etree._Element]

    def named(self) -> Iterator[tuple[str, etree._Element]]:
        """Yield each with its location."""
        for at, found in ((HEADER, self.header), (BODY, self.body)):
            for name, extension in found.items():
                yield f"{at}/{name}", extension


def read(envelope: etree._Element) -> Extensions:
    """Find the extensions of an envelope by their place.

    Raises:
        EbmsRefusal: EBMS-XML when it is none of SOAP 1.1, EBMS-ACTOR or EBMS-UNIQUE.

    SOAP 1.1 §4; ebMS 2.0 §2.3.
    """
    header, body = _sections(envelope)
    _require_actors(envelope, header)
    return Extensions(
        _extensions(header, HEADER, HEADER_EXTENSIONS), _extensions(body, BODY, BODY_EXTENSIONS)
    )


def read_surviving(survived: etree._Element) -> Extensions:
    """Find the extensions in what survives of an envelope that :func:`read` has read.

    Raises:
        EbmsRefusal: EBMS-XML or EBMS-UNIQUE.
    """
    # Nothing has another actor, or stands elsewhere, for what was taken out beside it.
    header, body = _sections(survived)
    return Extensions(
        _extensions(header, HEADER, HEADER_EXTENSIONS), _extensions(body, BODY, BODY_EXTENSIONS)
    )


def require_version(extension: etree._Element, *, at: str) -> None:
    """Require that an extension that names a version names ours.

    Raises:
        EbmsRefusal: EBMS-VERSION.

    ebMS 2.0 §2.3.8.
    """
    # Of another version the schema may be another; that one is missing the schema says.
    if extension.get(f"{{{EB}}}version", VERSION) != VERSION:
        raise EbmsRefusal(checks.EBMS_VERSION, at=f"{at}/@version", expected=VERSION)


def require_understood(envelope: etree._Element) -> None:
    """Require that no header block that is for us must be understood and is not.

    Args:
        envelope: one that :func:`read` has read.

    Raises:
        EbmsRefusal: EBMS-MUST-UNDERSTAND; its location does not quote the block's name.

    SOAP 1.1 §4.2.3.
    """
    header, _ = _sections(envelope)
    for number, block in enumerate(header, 1):
        known = namespace(block) == EB or block.tag == _SIGNATURE
        if not known and must_understand(block) and block.get(ACTOR) in _OURS:
            raise EbmsRefusal(
                checks.EBMS_MUST_UNDERSTAND,
                at=f"{HEADER}/*[{number}]",
                expected="extensions of ebMS 2.0 and ds:Signature",
            )


def _sections(envelope: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """Return the children of Header and of Body."""
    if envelope.tag != f"{{{SOAP}}}Envelope":
        raise EbmsRefusal(
            checks.EBMS_XML, at=ENVELOPE, expected="an Envelope of SOAP 1.1", received="another"
        )
    try:
        sections = children_only(envelope, checks.EBMS_XML)
        if [section.tag for section in sections] != [f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"]:
            raise Refusal(checks.EBMS_XML, expected="Header, Body", received="others")
        header, body = sections
        return (
            children_only(header, checks.EBMS_XML),
            children_only(body, checks.EBMS_XML),
        )
    except Refusal as refusal:
        raise EbmsRefusal(
            checks.EBMS_XML, at=ENVELOPE, expected=refusal.expected, received=refusal.received
        ) from refusal


def _require_actors(envelope: etree._Element, header: list[etree._Element]) -> None:
    """Require that nothing but a header block has an actor, and each only one that it may have.

    Deeper an actor means nothing in SOAP, but takes what has it out of the signature.
    """
    addressed = set(cast(list[etree._Element], _WITH_ACTOR(envelope)))
    for block in header:
        addressed.discard(block)
        name = local_name(block)
        if namespace(block) != EB or name not in HEADER_EXTENSIONS:
            # A signature that another reader finds and the transform does not.
            allowed = None if block.tag != _SIGNATURE else _NO_ACTOR
        else:
            allowed = _ACTORS.get(name, _NO_ACTOR)
        if allowed is not None and block.get(ACTOR) not in allowed:
            raise EbmsRefusal(
                checks.EBMS_ACTOR,
                at=f"{HEADER}/{name}/@actor",
                expected=" or ".join(sorted(actor or "no actor" for actor in allowed)),
                received="none" if block.get(ACTOR) is None else "another",
            )
    if addressed:
        raise EbmsRefusal(
            checks.EBMS_ACTOR,
            at=ENVELOPE,
            expected="an actor on blocks of the Header only",
            received="one elsewhere",
        )


def _extensions(
    section: list[etree._Element], at: str, known: frozenset[str]
) -> dict[str, etree._Element]:
    found: dict[str, etree._Element] = {}
    for element in section:
        if namespace(element) != EB:
            continue
        name = local_name(element)
        if name not in known:
            raise EbmsRefusal(
                checks.EBMS_UNIQUE,
                # Only names of ebMS are told.
                at=f"{at}/{name}" if name in HEADER_EXTENSIONS | BODY_EXTENSIONS else at,
                expected=", ".join(sorted(known)),
                received="another extension",
            )
        if name in found:
            raise EbmsRefusal(
                checks.EBMS_UNIQUE, at=f"{at}/{name}", expected="one", received="more"
            )
        found[name] = element
    return found
