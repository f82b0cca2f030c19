"""The small things of extensions, also where the schema would have refused them before."""

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode, Severity
from digipoort_wus.ebms.fields import (
    boolean,
    child,
    digest_reference,
    optional_identifier,
    party,
    reported_error,
    service,
    time,
)
from digipoort_wus.ebms.message import DigestReference, Party, PartyId, Service
from digipoort_wus.ebms.names import EB, ERRORS
from digipoort_wus.names import DS, SHA256


def element(inside: str, attributes: str = "") -> etree._Element:
    return etree.fromstring(f'<e:X xmlns:e="{EB}" xmlns:d="{DS}" {attributes}>{inside}</e:X>')


def test_what_the_schema_demands_is_there() -> None:
    with pytest.raises(ValueError, match="without the Y that its schema demands"):
        child(element("<Y/>"), "Y")
    assert child(element("<e:Y>1</e:Y>"), "Y").text == "1"


@pytest.mark.parametrize("text", ["", "soon", "12026-11-22T12:00:00Z", "2026-02-30T12:00:00Z"])
def test_no_time(text: str) -> None:
    with pytest.raises(EbmsRefusal) as caught:
        time(element(f"<e:T>{text}</e:T>"), "T", "//At")
    assert (caught.value.check, caught.value.location) == (checks.EBMS_TIME, "//At/T")


def test_an_identifier_is_its_very_characters() -> None:
    assert optional_identifier(element(""), "I", "//At") is None
    assert optional_identifier(element("<e:I/>"), "I", "//At") == ""
    assert optional_identifier(element("<e:I>a  b</e:I>"), "I", "//At") == "a  b"
    for text in (" a", "a ", "a\n", "\u00a0a", " "):
        with pytest.raises(EbmsRefusal) as caught:
            optional_identifier(element(f"<e:I>{text}</e:I>"), "I", "//At")
        assert (caught.value.check, caught.value.location) == (checks.EBMS_SCHEMA, "//At/I")


@pytest.mark.parametrize(
    ("value", "meant"),
    [("1", True), ("true", True), (" true\n", True), ("0", False), ("false", False), ("", False)],
)
def test_a_boolean(value: str, meant: bool) -> None:
    assert boolean(element("", f'e:b="{value}"'), "b") is meant
    assert not boolean(element("", f'b="{value}"'), "b")


def test_an_error_of_ebms_or_of_somebody_else() -> None:
    code = ErrorCode.SECURITY_FAILURE.value
    told = f'e:errorCode="{code}" e:severity="Error"'
    found = reported_error(element("", told))
    assert (found.code, found.context) == (ErrorCode.SECURITY_FAILURE, ERRORS)
    assert (found.severity, found.location, found.description) == (Severity.ERROR, None, None)
    assert reported_error(element("<e:Description/>", told)).description == ""
    other = reported_error(element("", f'{told} e:codeContext="urn:x"'))
    assert (other.code, other.context) == (code, "urn:x")
    assert not isinstance(other.code, ErrorCode)
    assert reported_error(element("", told.replace(code, "Other"))).code == "Other"


def test_a_reference_with_little_in_it() -> None:
    assert digest_reference(element("")) == DigestReference("", "", b"")
    whole = element(
        '<d:Transforms><d:Transform Algorithm="urn:t"/><d:Transform/></d:Transforms>'
        f'<d:DigestMethod Algorithm="{SHA256}"/><d:DigestValue>AQAB</d:DigestValue>',
        'URI="cid:a"',
    )
    expected = DigestReference("cid:a", SHA256, b"\1\0\1", ("urn:t", ""))
    assert digest_reference(whole) == expected


def test_who_and_what_without_a_type_is_a_uri() -> None:
    typed = element('<e:PartyId e:type="urn:t">1</e:PartyId><e:Role>r</e:Role>')
    assert party(typed, "//At") == Party((PartyId("1", "urn:t"),), "r")
    uri = element("<e:PartyId>urn:one</e:PartyId>")
    assert party(uri, "//At") == Party((PartyId("urn:one", None),), None)
    assert service(element("urn:two"), "//At") == Service("urn:two", None)
    for read, inside, at in (
        (party, "<e:PartyId>1</e:PartyId>", "//At/PartyId"),
        (party, "<e:PartyId>urn:</e:PartyId>", "//At/PartyId"),
        (service, "two", "//At"),
        (service, "urn:a b", "//At"),
    ):
        with pytest.raises(EbmsRefusal) as caught:
            read(element(inside), "//At")
        assert (caught.value.check, caught.value.location) == (checks.EBMS_URI, at)
