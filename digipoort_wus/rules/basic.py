"""The rules that hold without a rule set: XML that can be read, about the right party.

Texts are Dutch and never repeat a number: the number of a sole trader holds a BSN.
"""

from collections.abc import Iterator

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import Content, open_content, size_of
from digipoort_wus.filing.filing import Document, Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome, Report, Stage
from digipoort_wus.xmlsafe.stream import watch_document

_XML_TYPES = ("text/xml", "application/xml")
_XBRLI = "http://www.xbrl.org/2003/instance"
_VALID = Report(Outcome.VALID)
_PIECE = 65_536
_SEEN_MAX = 2

_EMPTY = Finding("INHOUD-LEEG", "fatal", "Het bericht is leeg: er is geen inhoud meegestuurd.")
_DOCTYPE = Finding(
    "XML-DOCTYPE",
    "fatal",
    "Het bericht begint met een DOCTYPE; die mag niet voorkomen. "
    "Vraag de leverancier van uw software om een bericht zonder DOCTYPE.",
)
_UNREADABLE = Finding(
    "XML-ONLEESBAAR",
    "fatal",
    "Het bericht is geen leesbare XML: het is afgebroken of beschadigd. "
    "Maak het bericht opnieuw aan en lever het nogmaals aan.",
)
_NOBODY = Finding(
    "IDENTITEIT-GEEN",
    "error",
    "In het XBRL-bericht staat niet over wie het gaat: er is geen identifier gevonden.",
)
_SOMEBODY_ELSE = Finding(
    "IDENTITEIT-ANDERS",
    "error",
    "Het nummer van de belanghebbende bij de aanlevering is niet het nummer in het XBRL-bericht. "
    "Controleer of dit bericht van deze onderneming is.",
)
_PREFIXED = Finding(
    "IDENTITEIT-NL",
    "error",
    "Het nummer van de belanghebbende begint bij de aanlevering met NL en in het XBRL-bericht "
    "niet. Lever het omzetbelastingnummer aan zonder NL.",
)


class BasicRules:
    """Implements :class:`~digipoort_wus.rules.api.RuleEngine` without a rule set.

    Envelope: the document is not empty; an XML document is well-formed without
    DOCTYPE; every identifier of an XBRL instance is the belanghebbende. Content:
    nothing more. In other XML documents it is not known where the number stands.
    Documents are read from where they are, piece by piece.
    """

    def validate(self, filing: Filing, stage: Stage) -> Report:
        """Judge one filing at one stage."""
        if stage is Stage.CONTENT:
            return _VALID
        return _envelope(filing.delivery.document, filing.delivery.belanghebbende)


def _envelope(document: Document, belanghebbende: Party) -> Report:
    content = document.content
    if not any(piece.strip() for piece in _pieces(content)):
        return _invalid(_EMPTY)
    if document.mime_type.partition(";")[0].strip().lower() not in _XML_TYPES:
        return _VALID
    if sum(piece.count(b"<") for piece in _pieces(content)) > limits.DOCUMENT_MAX_TAGS:
        # Our limit, not the filer's mistake.
        return Report(Outcome.UNDETERMINED, technical="more tags than this gateway validates")
    # Whom the document is about, as far as that matters: a third one says nothing new.
    found: set[str] = set()

    def see(number: str) -> None:
        if len(found) < _SEEN_MAX:
            found.add(_normal(number))

    try:
        with open_content(content) as source:
            root = watch_document(source, size_of(content), f"{{{_XBRLI}}}identifier", see)
    except Refusal as refusal:
        if refusal.check is checks.XML_LIMIT:
            return Report(Outcome.UNDETERMINED, technical=refusal.expected)
        return _invalid(_DOCTYPE if refusal.check is checks.XML_DOCTYPE else _UNREADABLE)
    except MemoryError:
        return Report(Outcome.UNDETERMINED, technical="no memory to parse the document")
    if root != f"{{{_XBRLI}}}xbrl":
        return _VALID
    finding = _identity(found, belanghebbende)
    return _VALID if finding is None else _invalid(finding)


def _pieces(content: Content) -> Iterator[bytes]:
    with open_content(content) as source:
        while piece := source.read(_PIECE):
            yield piece


def _identity(found: set[str], belanghebbende: Party) -> Finding | None:
    """Compare every identifier with the belanghebbende, without case and outer white space."""
    if not found:
        return _NOBODY
    expected = _normal(belanghebbende.number)
    if found == {expected}:
        return None
    return _PREFIXED if found == {expected.removeprefix("NL")} else _SOMEBODY_ELSE


def _normal(number: str) -> str:
    return number.strip().upper()


def _invalid(finding: Finding) -> Report:
    return Report(Outcome.INVALID, (finding,))
