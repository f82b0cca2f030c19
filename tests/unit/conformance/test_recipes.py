"""Steps: each does what it says, and says what it cannot do."""

import base64
from datetime import UTC, datetime

import pytest
from lxml import etree

from digipoort_wus.conformance import forge, octet_steps, tree_steps
from digipoort_wus.conformance.messages import Draft
from digipoort_wus.conformance.recipes import (
    PREFIXES,
    Kit,
    Making,
    RecipeError,
    make_messages,
    read_step,
)
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.names import DS, SOAP, WSU
from digipoort_wus.pki.chain import verify_certificate
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from digipoort_wus.wss.verify import verify_envelope
from tests.messages import NOW

BODY, HEADER = "/s:Envelope/s:Body", "/s:Envelope/s:Header"
SECURITY = f"{HEADER}/wsse:Security"
ANY = (forge, octet_steps, tree_steps)


def made(g1: TestPki, *steps: dict[str, object], draft: Draft | None = None) -> bytes:
    kit = Kit(
        "digipoort",
        "https://localhost:1",
        "https://localhost:1/wus/2.0/aanleverservice/1.2",
        NOW,
        lambda name: g1.identities[name],
        lambda name: (g1.identities[name].certificate, *g1.identities[name].chain),
    )
    read = tuple(read_step(step, "test") for step in steps)
    return make_messages(draft or Draft(), read, kit)[-1]


def tree(octets: bytes) -> etree._Element:
    return etree.fromstring(octets)


def all_of(octets: bytes, path: str) -> list[etree._Element]:
    found = tree(octets).xpath(path, namespaces=dict(PREFIXES))
    assert isinstance(found, list)
    return [node for node in found if isinstance(node, etree._Element)]


def do(step: str, /, **parameters: object) -> dict[str, object]:
    return {"do": step, **parameters}


SIGN = do("sign")


def test_values_are_put_in_their_places(g1: TestPki) -> None:
    xml = "<x:y>${now-60} ${base} ${to}</x:y>"
    [element] = all_of(made(g1, do("insert", at=BODY, xml=xml)), "//x:y")
    assert element.text == (
        "2026-06-01T11:59:00.000Z https://localhost:1 "
        "https://localhost:1/wus/2.0/aanleverservice/1.2"
    )


@pytest.mark.parametrize("where", ["first", "last", "before", "after", "replace"])
def test_insert_knows_every_place(g1: TestPki, where: str) -> None:
    at = f"{HEADER}/a:MessageID"
    octets = made(g1, do("insert", at=at, xml="<x:y/>", where=where))
    [element] = all_of(octets, "//x:y")
    above = element.getparent()
    assert above is not None
    expected = "MessageID" if where in ("first", "last") else "Header"
    assert etree.QName(above).localname == expected
    assert len(all_of(octets, at)) == (0 if where == "replace" else 1)


def test_move_takes_away_and_copy_does_not(g1: TestPki) -> None:
    moved = made(g1, SIGN, do("move", at=BODY, to=SECURITY))
    assert (len(all_of(moved, BODY)), len(all_of(moved, f"{SECURITY}/s:Body"))) == (0, 1)
    copied = made(g1, SIGN, do("copy", at=BODY, to=SECURITY))
    assert (len(all_of(copied, BODY)), len(all_of(copied, f"{SECURITY}/s:Body"))) == (1, 1)


def test_an_id_is_taken_over_under_another_name(g1: TestPki) -> None:
    octets = made(
        g1,
        SIGN,
        do("attribute", at=f"{BODY}/*", name="ID", of=BODY),
        do("refer", at="//ds:Reference[1]", to=BODY),
    )
    [body] = all_of(octets, BODY)
    identifier = body.get(f"{{{WSU}}}Id")
    assert body[0].get("ID") == identifier
    assert all_of(octets, "//ds:Reference")[0].get("URI") == f"#{identifier}"


def test_repeat_adds_so_many(g1: TestPki) -> None:
    octets = made(g1, SIGN, do("repeat", at="//ds:Reference[1]", times=15))
    assert len(all_of(octets, "//ds:Reference")) == 21


def test_what_is_signed_again_is_right_again(g1: TestPki) -> None:
    """The cryptography is right, so that a gateway refuses for what a case is about."""
    change = do("text", at=f"{BODY}/*/t:aanleverkenmerk", value="x")
    assert not signature_is_right(made(g1, SIGN, change), g1)
    assert signature_is_right(made(g1, SIGN, change, do("sign-again")), g1)


def signature_is_right(octets: bytes, g1: TestPki) -> bool:
    envelope = read_envelope(tree(octets))
    try:
        verify_envelope(
            envelope,
            read_addressing(envelope),
            policy=DIGIPOORT_1_2,
            trust=lambda leaf, at: verify_certificate(g1.trust_store(), leaf, (), Role.SIGNER, at),
            now=NOW,
        )
    except Refusal:
        return False
    return True


def test_an_hmac_has_the_certificate_as_its_secret(g1: TestPki) -> None:
    method = "//ds:SignatureMethod"
    octets = made(
        g1,
        SIGN,
        do("attribute", at=method, name="Algorithm", value=f"{DS}hmac-sha1"),
        do("insert", at=method, xml="<ds:HMACOutputLength>8</ds:HMACOutputLength>"),
        do("sign-again"),
    )
    [value] = all_of(octets, "//ds:SignatureValue")
    assert len(base64.b64decode(value.text or "")) == 1


@pytest.mark.parametrize(
    ("form", "length"), [("zero", 256), ("ones", 256), ("empty", 0), ("short", 255), ("long", 257)]
)
def test_a_signature_value_takes_other_forms(g1: TestPki, form: str, length: int) -> None:
    octets = made(g1, SIGN, do("signature-value", form=form))
    [value] = all_of(octets, "//ds:SignatureValue")
    assert len(base64.b64decode(value.text or "")) == length


def test_a_package_has_what_was_included(g1: TestPki) -> None:
    octets = made(g1, SIGN, do("include", at="//t:inhoud"), do("package"))
    assert octets.count(b"--boundary") == 3
    assert b'href="cid:part@example"' in octets
    assert b"<xbrli:xbrl" in octets


def test_text_is_repeated_and_counted(g1: TestPki) -> None:
    octets = made(g1, do("replace", find=">aanval<", by=" a{n}='x'", times=3))
    assert b" a0='x' a1='x' a2='x'" in octets


def test_octets_need_not_be_text(g1: TestPki) -> None:
    assert b"\xff" in made(g1, do("patch", find="aanval", octets="ff"))
    assert made(g1, do("prepend", octets="efbbbf")).startswith(b"\xef\xbb\xbf<?xml")
    assert made(g1, do("encode", encoding="utf-16", declared="UTF-16")).startswith(b"\xff\xfe<\0")


def test_what_was_written_can_be_parsed_again(g1: TestPki) -> None:
    octets = made(g1, do("write"), do("replace", find="aanval", by="anders"), do("parse"), SIGN)
    assert [e.text for e in all_of(octets, "//t:aanleverkenmerk")] == ["anders"]
    assert len(all_of(octets, SECURITY)) == 1


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (do("remove", at="//x:nowhere"), "leads to no element"),
        (do("text", at="//t:*[", value=""), "is no XPath"),
        (do("move", at="//a:*", to=BODY), "elements, not to one"),
        (do("insert", at=BODY, xml="<x:y>"), "cannot be parsed"),
        (do("insert", at=BODY, xml="<x:y/><x:z/>"), "is one element"),
        (do("replace", find="nowhere", by=""), "occurs 0 times"),
        (do("replace", find="<a:", by=""), "times"),
        (do("patch", find="aanval", octets="xyz"), "no hexadecimal"),
        (do("append"), "either value or octets"),
        (do("encode", encoding="klingon"), "cannot be written as klingon"),
        (do("attribute", at=BODY, name="soap:x"), "no prefix 'soap'"),
        (do("move", at="/s:Envelope", to=BODY), "root of the message"),
    ],
)
def test_what_cannot_be_done_is_said(g1: TestPki, step: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        made(g1, step)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"Step 1, {step['do']}: ")


def test_a_tree_step_after_the_octets_is_a_mistake(g1: TestPki) -> None:
    with pytest.raises(RecipeError, match="has been written out"):
        made(g1, do("write"), do("remove", at=BODY))


def test_an_unknown_operation_is_a_mistake(g1: TestPki) -> None:
    with pytest.raises(ConfigurationError, match="no operation 'x'"):
        made(g1, draft=Draft(operation="x"))


def test_a_making_begins_as_a_tree(g1: TestPki) -> None:
    making = Making(
        Kit(
            "digipoort", "", "", datetime.now(UTC), lambda _: g1.identities["agency"], lambda _: ()
        ),
        etree.Element(f"{{{SOAP}}}Envelope"),
    )
    assert making.one("/s:Envelope") is making.root
