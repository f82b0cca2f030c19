"""The envelope by position: nothing is searched for, so nothing can be hidden."""

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.names import SOAP, SOAP_12, WSA, WSSE
from digipoort_wus.soap.envelope import (
    children_only,
    is_addressing,
    leaf_text,
    local_name,
    must_understand,
    namespace,
    read_envelope,
    require_basic_profile,
)


def envelope(inner: str, namespace: str = SOAP) -> etree._Element:
    return etree.fromstring(
        f'<s:Envelope xmlns:s="{namespace}" xmlns:a="{WSA}" xmlns:o="{WSSE}">{inner}</s:Envelope>'
    )


def test_the_parts_are_those_at_their_places() -> None:
    found = read_envelope(
        envelope(
            "\n<s:Header> <a:To>x</a:To>\t<o:Security/></s:Header> <s:Body><s:Body/></s:Body>\n"
        )
    )
    assert [local_name(block) for block in found.blocks] == ["To", "Security"]
    assert found.body.getparent() is found.root
    assert found.body_child.tag == f"{{{SOAP}}}Body"
    assert not found.is_fault


def test_a_fault_is_recognised_and_needs_no_header() -> None:
    found = read_envelope(envelope("<s:Body><s:Fault/></s:Body>"))
    assert found.is_fault
    assert found.blocks == ()
    assert not read_envelope(envelope("<s:Body><Fault/></s:Body>")).is_fault


REFUSED = {
    "": "SOAP-STRUCTURE",
    "<s:Header/>": "SOAP-STRUCTURE",
    "<s:Body><x/></s:Body><s:Header/>": "SOAP-STRUCTURE",
    "<s:Header/><s:Header/><s:Body><x/></s:Body>": "SOAP-STRUCTURE",
    "<s:Header/><s:Body><x/></s:Body><s:Body><x/></s:Body>": "SOAP-STRUCTURE",
    "<s:Header/><s:Body><x/></s:Body><x/>": "SOAP-STRUCTURE",
    "<x/><s:Header/><s:Body><x/></s:Body>": "SOAP-STRUCTURE",
    "<Header/><Body><x/></Body>": "SOAP-STRUCTURE",
    "text<s:Body><x/></s:Body>": "SOAP-STRUCTURE",
    "<s:Body><x/></s:Body>text": "SOAP-STRUCTURE",
    "<s:Body>text<x/></s:Body>": "SOAP-STRUCTURE",
    "<s:Body><x/>text</s:Body>": "SOAP-STRUCTURE",
    "<s:Header>text</s:Header><s:Body><x/></s:Body>": "SOAP-STRUCTURE",
    "<s:Body/>": "SOAP-BODY-CHILD",
    "<s:Body>text</s:Body>": "SOAP-STRUCTURE",
    "<s:Body><x/><x/></s:Body>": "SOAP-BODY-CHILD",
    "<s:Header><x/></s:Header><s:Body><x/></s:Body>": "SOAP-HEADER-FOREIGN",
    "<s:Header><o:Other/></s:Header><s:Body><x/></s:Body>": "SOAP-HEADER-FOREIGN",
    "<s:Header><s:Body><x/></s:Body></s:Header><s:Body><x/></s:Body>": "SOAP-HEADER-FOREIGN",
}


@pytest.mark.parametrize("inner", REFUSED)
def test_anything_else_is_refused(inner: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_envelope(envelope(inner))
    assert caught.value.check.id == REFUSED[inner]


@pytest.mark.parametrize("root", [f'<Envelope xmlns="{SOAP_12}"/>', "<Envelope/>", "<x/>"])
def test_only_a_soap_1_1_envelope_is_one(root: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_envelope(etree.fromstring(root))
    assert caught.value.check.id == "SOAP-ENVELOPE"


def test_the_text_of_a_leaf() -> None:
    assert leaf_text(etree.fromstring("<x> a b\r\n</x>"), checks.WSA_REQUIRED) == "a b"
    assert leaf_text(etree.fromstring("<x/>"), checks.WSA_REQUIRED) == ""
    for inner in ("<y/>", "a<!-- b -->c", "a<?b?>c"):
        with pytest.raises(Refusal) as caught:
            leaf_text(etree.fromstring(f"<x>{inner}</x>"), checks.WSA_REQUIRED)
        assert caught.value.check.id == "WSA-REQUIRED"


@pytest.mark.parametrize("inner", ["x<y/><z/>", "<y/>x<z/>", "<y/><z/>x", "x", "<y/>\u00a0<z/>"])
def test_text_beside_children_is_refused(inner: str) -> None:
    with pytest.raises(Refusal) as caught:
        children_only(etree.fromstring(f"<a:p xmlns:a='u'>{inner}</a:p>"), checks.WSS_CHILDREN)
    assert caught.value.check.id == "WSS-CHILDREN"
    assert caught.value.received == "text in p"


def test_white_space_beside_children_is_none() -> None:
    parent = etree.fromstring("<p> <y>text</y>\r\n\t<z/> </p>")
    assert children_only(parent, checks.WSS_CHILDREN) == list(parent)
    assert children_only(etree.fromstring("<p> </p>"), checks.WSS_CHILDREN) == []


def test_headers_of_addressing() -> None:
    for namespace_name, expected in ((WSA, True), (f"{WSA}x", False), (WSA[:-1], False)):
        element = etree.fromstring(f"<a:To xmlns:a='{namespace_name}'/>")
        assert is_addressing(element) is expected
    assert not is_addressing(etree.fromstring("<To/>"))


def test_names_of_elements() -> None:
    assert (namespace(etree.fromstring("<x/>")), local_name(etree.fromstring("<x/>"))) == ("", "x")
    qualified = etree.fromstring('<a:x xmlns:a="urn:a"/>')
    assert (namespace(qualified), local_name(qualified)) == ("urn:a", "x")


@pytest.mark.parametrize(
    ("inner", "about"),
    [
        ("<s:Body/>", "empty"),
        ("<s:Body><x/><x/></s:Body>", ""),
        ("<s:Header><x/></s:Header><s:Body><x/></s:Body>", ""),
        ('<s:Header><x s:mustUnderstand="0"/></s:Header><s:Body><x/></s:Body>', ""),
        ('<s:Header><x s:mustUnderstand="1"/></s:Header><s:Body><x/></s:Body>', "mustUnderstand"),
    ],
)
def test_what_a_refusal_is_about(inner: str, about: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_envelope(envelope(inner))
    assert caught.value.about == about


@pytest.mark.parametrize(
    ("root", "about"),
    [(f'<Envelope xmlns="{SOAP_12}"/>', "Envelope"), ("<Envelope/>", "Envelope"), ("<x/>", "")],
)
def test_another_version_is_told_from_no_envelope(root: str, about: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_envelope(etree.fromstring(root))
    assert caught.value.about == about


STYLE = 's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"'
PROFILE = {
    "<s:Header><a:To>x</a:To></s:Header><s:Body><x/></s:Body>": True,
    "<s:Body><x/></s:Body>": True,
    '<s:Header><a:To s:mustUnderstand="1">x</a:To></s:Header><s:Body><x/></s:Body>': True,
    '<s:Header><a:To s:mustUnderstand="0">x</a:To></s:Header><s:Body><x/></s:Body>': True,
    '<s:Header><a:To s:mustUnderstand="true">x</a:To></s:Header><s:Body><x/></s:Body>': False,
    '<s:Header><a:To s:mustUnderstand="">x</a:To></s:Header><s:Body><x/></s:Body>': False,
    f"<s:Header {STYLE}><a:To>x</a:To></s:Header><s:Body><x/></s:Body>": False,
    f"<s:Body {STYLE}><x/></s:Body>": False,
    f"<s:Body><x {STYLE}/></s:Body>": False,
}


@pytest.mark.parametrize("inner", PROFILE)
def test_the_attributes_of_soap(inner: str) -> None:
    found = read_envelope(envelope(inner))
    if PROFILE[inner]:
        require_basic_profile(found)
        return
    with pytest.raises(Refusal) as caught:
        require_basic_profile(found)
    assert caught.value.check is checks.SOAP_BASIC_PROFILE


def test_encoding_style_on_the_envelope() -> None:
    root = envelope("<s:Body><x/></s:Body>")
    root.set(f"{{{SOAP}}}encodingStyle", "")
    with pytest.raises(Refusal) as caught:
        require_basic_profile(read_envelope(root))
    assert caught.value.check is checks.SOAP_BASIC_PROFILE


def test_must_understand() -> None:
    values = {"1": True, "true": True, "0": False, "": False, "yes": False}
    for value, expected in values.items():
        block = etree.fromstring(f'<x xmlns:s="{SOAP}" s:mustUnderstand="{value}"/>')
        assert must_understand(block) is expected
    assert not must_understand(etree.fromstring("<x/>"))
