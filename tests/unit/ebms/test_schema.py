"""Our schema of the extensions: it is what the packaged files say, and says no names of others."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from lxml import etree

import digipoort_wus
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.names import EB
from digipoort_wus.ebms.reading import read_envelope
from digipoort_wus.ebms.schema import require_valid
from digipoort_wus.ebms.structure import BODY_EXTENSIONS, HEADER_EXTENSIONS
from digipoort_wus.rules.kinds.xsd11_schema import xmlschema_library
from tests import ebms_messages as m
from tests.conftest import need

FOLDER = Path(digipoort_wus.__file__).parent / "_wsdl" / "ebms"
XSD = "{http://www.w3.org/2001/XMLSchema}"


def test_every_extension_has_a_declaration() -> None:
    root = etree.parse(FOLDER / "extensions-2.0.xsd").getroot()
    declared = {each.get("name") for each in root.iterchildren(f"{XSD}element")}
    assert declared >= HEADER_EXTENSIONS | BODY_EXTENSIONS
    assert root.get("targetNamespace") == EB
    assert root.get("attributeFormDefault") == "qualified"


def test_what_is_imported_is_there() -> None:
    root = etree.parse(FOLDER / "extensions-2.0.xsd").getroot()
    imported = list(root.iterchildren(f"{XSD}import"))
    assert len(imported) == 4
    for each in imported:
        found = etree.parse(FOLDER / each.get("schemaLocation", "")).getroot()
        assert found.get("targetNamespace") == each.get("namespace")


def test_another_validator_agrees() -> None:
    """One that shares nothing with libxml2."""
    found = find_spec("xmlschema") is not None
    need("xmlschema", found=found, install="pip install 'digipoort-wus[xsd11]'")
    schema = xmlschema_library().XMLSchema(str(FOLDER / "extensions-2.0.xsd"), allow="local")
    for text in (m.BUSINESS, *m.SIGNALS_SENT.values()):
        for section in read_envelope(text.encode()):
            for extension in section:
                schema.validate(etree.tostring(extension).decode())


def header_with(child: str) -> etree._Element:
    text = m.MESSAGE_HEADER.replace("</eb:MessageHeader>", f"{child}</eb:MessageHeader>")
    return read_envelope(m.envelope(text).encode())[0][0]


@pytest.mark.parametrize(
    "child",
    [
        "<eb:Burgerservicenummer>123456782</eb:Burgerservicenummer>",
        "<eb:Description xml:lang='nl'><eb:Burgerservicenummer/></eb:Description>",
        "<Burgerservicenummer xmlns=''/>",
        "<eb:DuplicateElimination Burgerservicenummer='1'/>",
        "<eb:DuplicateElimination eb:Burgerservicenummer='1'/>",
    ],
)
def test_names_of_others_are_not_told(child: str) -> None:
    with pytest.raises(EbmsRefusal) as raised:
        require_valid(header_with(child), at="//Header/MessageHeader")
    told = f"{raised.value} {raised.value.location}"
    assert "Burgerservicenummer" not in told
    assert "123456782" not in told
    assert raised.value.location.startswith("//Header/MessageHeader")


def test_what_is_expected_is_told() -> None:
    text = m.envelope(m.MESSAGE_HEADER.replace(m.FROM, ""))
    with pytest.raises(EbmsRefusal) as raised:
        require_valid(read_envelope(text.encode())[0][0], at="//Header/MessageHeader")
    assert raised.value.expected == "From"
    assert raised.value.received == "element missing, unknown or out of order"
