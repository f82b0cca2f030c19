"""The payloads of Digipoort over ebMS: both ways, exact, bounded, and refused with a reason."""

import base64
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.ebms.digipoort import (
    AANLEVER_TYPES,
    AFLEVER_TYPES,
    AfleverBericht,
    BevestigAanleverBericht,
    BevestigAfleverBericht,
    Fout,
)
from digipoort_wus.ebms.digipoort_reading import (
    PayloadRefused,
    Said,
    read_aanleverbericht,
    read_afleverbericht,
    read_bevestig_aanleverbericht,
    read_bevestig_afleverbericht,
)
from digipoort_wus.ebms.digipoort_schema import require_valid
from digipoort_wus.ebms.digipoort_writing import (
    write_aanleverbericht,
    write_afleverbericht,
    write_bevestig_aanleverbericht,
    write_bevestig_afleverbericht,
)
from digipoort_wus.errors import Check
from digipoort_wus.filing.filing import Delivery, Document
from digipoort_wus.filing.party import Party

AT = datetime(2026, 6, 1, 12, 30, 0, 250_000, tzinfo=UTC)
PARTY, RECEIVER = Party("001000044B37", "BTW"), Party("00000099000000004000", "OIN")
FOUT = Fout("ALS100", "Het bericht voldoet niet <aan> het koppelvlak & is niet verwerkt.")
DELIVERY = Delivery(
    berichtsoort="Omzetbelasting",
    belanghebbende=PARTY,
    rol_belanghebbende="Bedrijf",
    document=Document("application/xml", "aangifte.xbrl", b"<xbrl>\xc3\xa9</xbrl>"),
    kenmerk="k-1",
    aanleverkenmerk="ref-1",
    eerder_aanleverkenmerk="ref-0",
    ontvanger=RECEIVER,
    rol_ontvanger="overheid",
    attachments=(Document("application/pdf", "b.pdf", b"%PDF"), Document("text/plain", "c", b"")),
    autorisatie_adres="http://geenausp.nl",
)
BARE = replace(
    DELIVERY,
    **dict.fromkeys(
        (
            "kenmerk",
            "aanleverkenmerk",
            "eerder_aanleverkenmerk",
            "ontvanger",
            "rol_ontvanger",
            "autorisatie_adres",
        )
    ),  # type: ignore[arg-type]
    attachments=(),
)
AFLEVER = AfleverBericht(
    kenmerk="k-1",
    berichtsoort="Omzetbelasting",
    berichtkenmerk="b-1",
    aangeleverd_at=AT,
    belanghebbende=PARTY,
    rol_belanghebbende="Bedrijf",
    document=DELIVERY.document,
    aanleverkenmerk="ref-1",
    ontvanger=RECEIVER,
    rol_ontvanger="overheid",
    attachments=DELIVERY.attachments,
    fouten=(FOUT, Fout("VAS1", "Let op.")),
)
CONFIRMED = BevestigAanleverBericht(
    kenmerk="k-1",
    berichtsoort="Omzetbelasting",
    belanghebbende=PARTY,
    rol_belanghebbende="Bedrijf",
    ontvanger=RECEIVER,
    outcome=AT,
    status=("110", AT),
    aanleverkenmerk="ref-1",
    eerder_aanleverkenmerk="ref-0",
    rol_ontvanger="overheid",
    autorisatie_adres="http://geenausp.nl",
)


class Handle:
    """Contents that are kept elsewhere, and never read as a whole."""

    def __init__(self, octets: bytes) -> None:
        self._octets, self.size, self.opened = octets, len(octets), 0

    def open(self) -> BinaryIO:
        self.opened += 1
        return BytesIO(self._octets)

    def read(self) -> bytes:
        raise AssertionError("nobody reads it as a whole")


def read_whole(content: Any) -> bytes:
    """Return what is written, after finding that it is as long as it says, and readable twice."""
    octets: bytes = content.read()
    with content.open() as file:
        assert file.read() == octets
    assert len(octets) == content.size
    return octets


def refused(octets: bytes) -> PayloadRefused:
    with pytest.raises(PayloadRefused) as caught:
        read_aanleverbericht(octets)
    return caught.value


def changed(old: bytes, new: bytes, delivery: Delivery = DELIVERY) -> bytes:
    octets = write_aanleverbericht(delivery).read()
    assert octets.count(old) == 1
    return octets.replace(old, new)


# --- Both ways ----------------------------------------------------------------------------


@pytest.mark.parametrize("delivery", [DELIVERY, BARE])
def test_what_is_filed_comes_out_as_it_went_in(delivery: Delivery) -> None:
    assert read_aanleverbericht(read_whole(write_aanleverbericht(delivery))) == delivery


@pytest.mark.parametrize(
    "bericht",
    [
        AFLEVER,
        replace(AFLEVER, aanleverkenmerk=None, ontvanger=None, rol_ontvanger=None),
        replace(AFLEVER, attachments=(), fouten=()),
    ],
)
def test_what_is_delivered_comes_out_as_it_went_in(bericht: AfleverBericht) -> None:
    assert read_afleverbericht(read_whole(write_afleverbericht(bericht))) == bericht


@pytest.mark.parametrize(
    "said",
    [
        CONFIRMED,
        replace(CONFIRMED, outcome=FOUT, status=None, kenmerk=""),
        replace(CONFIRMED, aanleverkenmerk=None, rol_ontvanger=None, autorisatie_adres=None),
    ],
)
def test_a_confirmation_of_a_filing_comes_out_as_it_went_in(said: BevestigAanleverBericht) -> None:
    assert read_bevestig_aanleverbericht(read_whole(write_bevestig_aanleverbericht(said))) == said


@pytest.mark.parametrize("outcome", [AT, FOUT])
@pytest.mark.parametrize("berichtsoort", [None, "Omzetbelasting"])
def test_a_confirmation_of_a_delivery_comes_out_as_it_went_in(
    outcome: datetime | Fout, berichtsoort: str | None
) -> None:
    said = BevestigAfleverBericht("k-1", "b-1", outcome, berichtsoort)
    octets = read_whole(write_bevestig_afleverbericht(said))
    assert read_bevestig_afleverbericht(octets) == said


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cn")),
    max_size=40,
).filter(lambda text: not {"\ufffe", "\uffff"} & set(text))


@given(role=TEXT, reference=TEXT, octets=st.binary(max_size=200), name=TEXT)
def test_any_text_comes_out_as_it_went_in(
    role: str, reference: str, octets: bytes, name: str
) -> None:
    delivery = replace(
        DELIVERY,
        rol_belanghebbende=role,
        aanleverkenmerk=reference or None,
        document=Document("text/plain", name, octets),
    )
    assert read_aanleverbericht(write_aanleverbericht(delivery).read()) == delivery


def test_white_space_and_a_zone_are_read_as_the_schema_means_them() -> None:
    said = BevestigAfleverBericht("k-1", "b-1", AT)
    octets = write_bevestig_afleverbericht(said).read()
    octets = octets.replace(b">k-1<", b">\n  k-1\t<")
    octets = octets.replace(b"2026-06-01T12:30:00.250Z", b"2026-06-01T14:30:00.25+02:00")
    assert read_bevestig_afleverbericht(octets) == said
    without = octets.replace(b"14:30:00.25+02:00", b"12:30:00.25")
    assert read_bevestig_afleverbericht(without) == said, "UTC where no zone is named"


def test_the_elements_may_have_a_prefix_and_a_mark_may_stand_before_them() -> None:
    root = etree.fromstring(write_aanleverbericht(DELIVERY).read())
    other = etree.Element(root.tag, nsmap={"x": AANLEVER_TYPES})
    other.extend(list(root))
    octets = b"\xef\xbb\xbf" + etree.tostring(other)
    assert b"<x:aanleverBericht" in octets
    assert read_aanleverbericht(octets) == DELIVERY


# --- Large contents -----------------------------------------------------------------------


def test_contents_are_opened_when_they_are_read_and_never_whole() -> None:
    large = Handle(bytes(range(256)) * 4_000)
    written = write_afleverbericht(
        replace(AFLEVER, document=replace(AFLEVER.document, content=large))
    )
    assert large.opened == 0
    octets = read_whole(written)
    assert large.opened == 2
    assert read_afleverbericht(octets).document.content == bytes(range(256)) * 4_000


def test_twenty_mebibytes_are_read_without_three_copies() -> None:
    content = bytes(limits.INHOUD_MAX_BYTES)
    octets = write_aanleverbericht(
        replace(BARE, document=replace(BARE.document, content=content))
    ).read()
    tracemalloc.start()
    try:
        found = read_aanleverbericht(octets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.document.content == content
    # The decoded octets, and little besides.
    assert peak < 1.3 * len(content)


def test_base64_in_lines_is_read_too() -> None:
    content = bytes(range(256)) * 1_000
    octets = write_aanleverbericht(
        replace(BARE, document=replace(BARE.document, content=content))
    ).read()
    plain = base64.b64encode(content)
    for lines in (base64.encodebytes(content), base64.encodebytes(content).replace(b"\n", b"\r\n")):
        assert read_aanleverbericht(octets.replace(plain, lines)).document.content == content


def test_large_contents_in_two_places_are_each_in_theirs() -> None:
    one, other = b"1" * 100_000, b"2" * 200_000
    delivery = replace(
        DELIVERY,
        document=replace(DELIVERY.document, content=one),
        attachments=tuple(
            replace(DELIVERY.attachments[0], content=octets) for octets in (b"small", other, one)
        ),
    )
    assert read_aanleverbericht(write_aanleverbericht(delivery).read()) == delivery


def test_long_base64_where_no_contents_are_is_refused() -> None:
    octets = changed(b">Bedrijf<", b">" + b"A" * 100_000 + b"<")
    assert refused(octets).check is checks.XML_LIMIT
    hidden = b"<inhoud>" + b"A" * 100_000 + b"</inhoud>"
    octets = changed(b"<rolBelanghebbende>", hidden + b"<rolBelanghebbende>")
    assert refused(octets).check is checks.XSD_VALID


# --- Refusals -----------------------------------------------------------------------------

BIG = base64.b64encode(bytes(limits.INHOUD_MAX_BYTES + 1))
INHOUD = base64.b64encode(b"<xbrl>\xc3\xa9</xbrl>")


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        (b"k-1", b"k" * 41, checks.XSD_VALID),
        (b">Omzetbelasting<", b">" + b"o" * 81 + b"<", checks.XSD_VALID),
        (b"ref-1", b"r" * 41, checks.XSD_VALID),
        (b"ref-0", b"r" * 41, checks.XSD_VALID),
        (b"001000044B37", b"0" * 21, checks.XSD_VALID),
        (b">BTW<", b">LHnr<", checks.XSD_VALID),
        (b">BTW<", b">btw<", checks.XSD_VALID),
        (b">Bedrijf<", b">" + b"b" * 41 + b"<", checks.XSD_VALID),
        (b">overheid<", b">" + b"b" * 41 + b"<", checks.XSD_VALID),
        (b"http://geenausp.nl", b"http://" + b"a" * 249, checks.XSD_VALID),
        (b"application/pdf", b"application/" + b"p" * 29, checks.XSD_VALID),
        (b"aangifte.xbrl", b"a" * 81, checks.XSD_VALID),
        (b"<rolBelanghebbende>Bedrijf</rolBelanghebbende>", b"", checks.XSD_VALID),
        (b"</aanleverBericht>", b"<meer/></aanleverBericht>", checks.XSD_VALID),
        (b"</aanleverBericht>", b"tekst</aanleverBericht>", checks.XSD_VALID),
        (b"<kenmerk>", b'<kenmerk soort="x">', checks.XSD_VALID),
        (INHOUD, b"<b>" + INHOUD + b"</b>", checks.XSD_VALID),
        (INHOUD, b"geen base64!", checks.XSD_BASE64),
        (INHOUD, "é".encode() * 4, checks.XSD_BASE64),
        (INHOUD, BIG, checks.XSD_INHOUD_SIZE),
        (b"<kenmerk>", b"<!-- x --><kenmerk>", checks.XML_COMMENT),
        (b"<kenmerk>", b"<?x y?><kenmerk>", checks.XML_INSTRUCTION),
        (b"</aanleverBericht>", b"", checks.XML_WELL_FORMED),
        (b'encoding="UTF-8"', b'encoding="ISO-8859-1"', checks.XML_ENCODING),
        (
            b"?><aan",
            b"?><!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><aan",
            checks.XML_DOCTYPE,
        ),
    ],
)
def test_a_defect_is_refused_with_its_check(old: bytes, new: bytes, check: Check) -> None:
    found = refused(changed(old, new))
    assert found.check is check
    # Nothing that the document says is told.
    for text in ("rrrr", "meer", "LHnr", "soort=", "oooo", "passwd", "geen"):
        assert text not in found.explanation()


def test_the_place_of_a_mistake_is_told() -> None:
    found = refused(changed(b"k-1", b"k" * 41))
    assert found.received == "aanleverBericht/kenmerk: too long (maxLength): 41"
    assert found.expected == "at most 40"
    found = refused(changed(b"<berichtsoort>Omzetbelasting</berichtsoort>", b""))
    assert found.expected == "berichtsoort"


def test_another_document_is_refused() -> None:
    octets = write_afleverbericht(AFLEVER).read()
    found = refused(octets)
    assert found.check is checks.XSD_VALID
    assert AANLEVER_TYPES in found.expected
    assert AFLEVER_TYPES not in found.explanation()
    with pytest.raises(PayloadRefused):
        read_bevestig_afleverbericht(octets)
    with pytest.raises(PayloadRefused):
        read_aanleverbericht(b"no xml")
    for wrong in (b"<a/>", b'<aanleverBericht xmlns="urn:other"/>'):
        assert refused(wrong).check is checks.XSD_VALID


def test_there_are_at_most_fifty_attachments() -> None:
    one = Document("text/plain", "a", b"a")
    most = replace(BARE, attachments=(one,) * limits.MAX_ATTACHMENTS)
    assert read_aanleverbericht(write_aanleverbericht(most).read()) == most
    more = replace(BARE, attachments=(one,) * (limits.MAX_ATTACHMENTS + 1))
    assert refused(write_aanleverbericht(more).read()).check is checks.ATTACHMENT_LIMIT
    empty = b"<bijlage/>" * (limits.MAX_ATTACHMENTS + 1)
    inside = b"<berichtBijlagen>" + empty + b"</berichtBijlagen></aanleverBericht>"
    octets = changed(b"</aanleverBericht>", inside, replace(BARE, kenmerk="k"))
    assert refused(octets).check is checks.ATTACHMENT_LIMIT, "before each is looked at"


def test_more_octets_than_a_request_has_are_not_read() -> None:
    content = Handle(b"")
    content.read = lambda: bytes(limits.WIRE_MAX_BYTES + 1)  # type: ignore[method-assign]
    with pytest.raises(PayloadRefused) as caught:
        read_aanleverbericht(content)
    assert caught.value.check is checks.XML_LIMIT


@pytest.mark.parametrize("moment", [b"12026-06-01T12:30:00Z", b"2026-06-01T12:30:00.1234567890Z"])
def test_a_moment_that_no_calendar_has_is_refused(moment: bytes) -> None:
    octets = write_bevestig_afleverbericht(BevestigAfleverBericht("k", "b", AT)).read()
    with pytest.raises(PayloadRefused) as caught:
        read_bevestig_afleverbericht(octets.replace(b"2026-06-01T12:30:00.250Z", moment))
    assert caught.value.check is checks.XSD_VALID
    assert caught.value.received == "tijdstempelAfgeleverd"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<tijdstempelAfgeleverd>2026-06-01T12:30:00.250Z</tijdstempelAfgeleverd>", b""),
        (
            b"</tijdstempelAfgeleverd>",
            b"</tijdstempelAfgeleverd><fout><foutcode>1</foutcode><foutbeschrijving/></fout>",
        ),
        (b"2026-06-01T12:30:00.250Z", b"gisteren"),
    ],
)
def test_a_confirmation_says_one_thing(old: bytes, new: bytes) -> None:
    octets = write_bevestig_afleverbericht(BevestigAfleverBericht("k", "b", AT)).read()
    assert octets.count(old) == 1
    with pytest.raises(PayloadRefused) as caught:
        read_bevestig_afleverbericht(octets.replace(old, new))
    assert caught.value.check is checks.XSD_VALID


def test_of_what_is_refused_there_is_what_a_confirmation_repeats() -> None:
    said = refused(changed(INHOUD, b"geen base64!")).said
    assert said == Said(
        kenmerk="k-1",
        berichtsoort="Omzetbelasting",
        aanleverkenmerk="ref-1",
        eerder_aanleverkenmerk="ref-0",
        belanghebbende=PARTY,
        rol_belanghebbende="Bedrijf",
        ontvanger=RECEIVER,
        rol_ontvanger="overheid",
    )
    # What does not fit is not repeated.
    assert refused(changed(b"ref-1", b"r" * 41)).said == replace(said, aanleverkenmerk=None)
    assert refused(changed(b">BTW<", b">LHnr<")).said == replace(said, belanghebbende=None)
    assert refused(changed(b"001000044B37", b"0" * 21)).said == replace(said, belanghebbende=None)
    assert refused(b"<a/>").said == refused(b"<a").said == Said()


# --- The schema by itself -----------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        write_aanleverbericht(DELIVERY),
        write_bevestig_aanleverbericht(CONFIRMED),
        write_afleverbericht(AFLEVER),
        write_bevestig_afleverbericht(BevestigAfleverBericht("k", "b", FOUT)),
    ],
)
def test_what_is_written_is_valid_with_its_contents_in_place(written: Any) -> None:
    root = etree.fromstring(written.read())
    require_valid(root, str(root.tag))
