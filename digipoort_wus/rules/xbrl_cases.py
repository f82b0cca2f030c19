"""Reads cases from XBRL ``testcase`` XML, so that suites of others run unchanged.

Of each variation the document that is read first is judged, if that is an instance. The codes that
it must give are the errors and warnings of its result, without what a processor puts before them
(``NL.FR-NL-5.01`` is FR-NL-5.01). Others may be found, too: a suite tests one rule at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lxml import etree

from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.cases import Case, Expected
from digipoort_wus.rules.subject import Enclosure, Envelope
from digipoort_wus.xmlsafe.parse import parse_document

_BEFORE = "NL."
_TRUE = ("true", "1")


@dataclass(frozen=True, slots=True)
class Filed:
    """What a suite does not say of its filings.

    Args:
        berichtsoort: of all of them.
        received: moment of receipt, with a time zone.
        belanghebbende: of all of them; None for documents on their own.
        mime_type: of all documents.
    """

    berichtsoort: str
    received: datetime
    belanghebbende: Party | None = None
    mime_type: str = "text/xml"


def load_testcases(path: Path, filed: Filed) -> tuple[Case, ...]:
    """Read a ``testcase``, or the ``testcases`` that list several.

    Args:
        path: of the XML file; documents are named relative to it.
        filed: what the suite does not say.

    Raises:
        ConfigurationError: a file cannot be read, or is no such list.
    """
    root = _root(path)
    match etree.QName(root).localname:
        case "testcases":
            uris = [each.get("uri", "") for each in root.iter("{*}testcase")]
            if not all(uris):
                raise ConfigurationError(f"{path}: a testcase of the list has no uri.")
            return tuple(case for uri in uris for case in load_testcases(_beside(path, uri), filed))
        case "testcase":
            return tuple(_cases(root, path, filed))
    raise ConfigurationError(f"{path} is neither testcase nor testcases of XBRL.")


def _cases(root: etree._Element, path: Path, filed: Filed) -> Iterator[Case]:
    for variation in root.iter("{*}variation"):
        name = f"{path.stem} {variation.get('id', variation.get('name', '?'))}"
        first = _first(variation)
        if first is None:
            yield _case(name, filed, left_out="what is read first is no instance")
            continue
        document = _beside(path, (first.text or "").strip())
        result = variation.find("{*}result")
        errors, warnings = _codes(result, "error"), _codes(result, "warning")
        wrong = bool(errors) or (result is not None and result.get("expected") == "invalid")
        yield _case(
            name,
            filed,
            document.name,
            _read(document),
            errors | warnings,
            Outcome.INVALID if wrong else Outcome.VALID,
        )


def _case(
    name: str,
    filed: Filed,
    file_name: str = "",
    octets: bytes = b"",
    codes: frozenset[str] = frozenset(),
    outcome: Outcome = Outcome.VALID,
    *,
    left_out: str = "",
) -> Case:
    enclosure = Enclosure(file_name, filed.mime_type, len(octets))
    envelope = Envelope(filed.berichtsoort, filed.received, enclosure, filed.belanghebbende)
    return Case(name, envelope, octets, codes, outcome, Expected.AT_LEAST, left_out=left_out)


def _first(variation: etree._Element) -> etree._Element | None:
    """Return the instance that is read first; None when that is something else."""
    data = variation.find("{*}data")
    parts = [] if data is None else list(data.iterchildren("{*}*"))
    marked = [each for each in parts if each.get("readMeFirst") in _TRUE]
    first = (marked or parts)[:1]
    if not first or etree.QName(first[0]).localname != "instance":
        return None
    return None if (first[0].text or "").strip().lower().endswith(".zip") else first[0]


def _codes(result: etree._Element | None, what: str) -> frozenset[str]:
    found = () if result is None else result.iterchildren(f"{{*}}{what}")
    texts = ((each.text or "").strip().rpartition(":")[2] for each in found)
    return frozenset(text.removeprefix(_BEFORE) for text in texts if text)


def _beside(path: Path, uri: str) -> Path:
    if not uri or ":" in uri or uri.startswith("/"):
        raise ConfigurationError(f"{path}: {uri!r} is no file beside it: nothing is fetched.")
    return path.parent / uri


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error


def _root(path: Path) -> etree._Element:
    try:
        return parse_document(_read(path))
    except Refusal as error:
        raise ConfigurationError(f"{path} is no XML that can be read.") from error
