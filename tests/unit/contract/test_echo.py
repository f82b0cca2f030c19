"""Echo: the schema, the operation, and a client that zeep builds from the WSDL."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import digipoort_wus
from digipoort_wus import limits
from digipoort_wus.contract import schema
from digipoort_wus.contract.services import make_applications
from digipoort_wus.errors import Refusal
from digipoort_wus.names import AANLEVER, ECHO, ECHO_BE, ECHO_BE_S, TYPES
from digipoort_wus.server.spyne_host import call
from tests.unit.contract.memory import CALLER, MemoryProcess

zeep: Any = importlib.import_module("zeep")
WSDL = Path(digipoort_wus.__file__).parent / "_wsdl"


def request(inner: str) -> etree._Element:
    return etree.fromstring(f'<e:echoRequest xmlns:e="{ECHO}">{inner}</e:echoRequest>')


VALID = {
    "<e:text/>": True,
    "<e:text>x</e:text><e:data>AA==</e:data>": True,
    "<e:text>x</e:text><e:data/>": True,
    f"<e:text>{'é' * limits.ECHO_TEXT_MAX}</e:text>": True,
    f"<e:text>{'é' * (limits.ECHO_TEXT_MAX + 1)}</e:text>": False,
    "": False,
    "<e:data>AA==</e:data>": False,
    "<text>x</text>": False,
    "<e:text>x</e:text><e:text>x</e:text>": False,
    "<e:text><e:b/></e:text>": False,
    "<e:text a='1'>x</e:text>": False,
}


@pytest.mark.parametrize("inner", VALID, ids=range(len(VALID)))
def test_what_the_schema_accepts(inner: str) -> None:
    if VALID[inner]:
        schema.validate(request(inner))
        return
    with pytest.raises(Refusal) as caught:
        schema.validate(request(inner))
    assert caught.value.check.id == "XSD-VALID"
    assert caught.value.received.startswith("echoRequest")


def test_a_refusal_names_the_elements_of_its_own_schema() -> None:
    with pytest.raises(Refusal) as caught:
        schema.validate(request("<e:data>AA==</e:data>"))
    assert caught.value.expected == "text"
    with pytest.raises(Refusal) as caught:
        schema.validate(etree.fromstring(f'<aanleverRequest xmlns="{ECHO}"/>'))
    assert caught.value.received.startswith("(unknown element)")
    with pytest.raises(Refusal):
        schema.validate(etree.fromstring(f'<echoRequest xmlns="{TYPES}"><text/></echoRequest>'))


@pytest.mark.parametrize("service", [ECHO_BE, ECHO_BE_S], ids=lambda service: service.name)
@pytest.mark.parametrize(
    ("inner", "parts", "expected"),
    [
        ("<e:text> één &amp; a\nl </e:text>", (), "<text> één &amp; a\nl </text>"),
        ("<e:text/>", (), "<text/>"),
        ("<e:text>x</e:text><e:data>0000</e:data>", (b"\0\1",), "<text>x</text><data>AAE=</data>"),
        ("<e:text>x</e:text><e:data>0000</e:data>", (b"",), "<text>x</text><data/>"),
    ],
)
def test_it_answers_what_it_was_asked(
    service: Any, inner: str, parts: tuple[bytes, ...], expected: str
) -> None:
    application = make_applications(MemoryProcess())[service.name]
    answer = call(application, request(inner), CALLER, parts).result(timeout=0)
    schema.validate(answer)
    wanted = etree.fromstring(f'<echoResponse xmlns="{ECHO}">{expected}</echoResponse>')
    assert etree.tostring(answer, method="c14n") == etree.tostring(wanted, method="c14n")


def test_the_description_is_served_with_its_own_schema() -> None:
    address = "https://wus.example.nl/digikoppeling/2W-be-S/echo"
    served = etree.fromstring(schema.wsdl_text(ECHO_BE_S.name, address))
    (location,) = served.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert location.get("location") == address
    (imported,) = served.iter("{http://www.w3.org/2001/XMLSchema}import")
    assert imported.get("schemaLocation") == f"{address}?xsd=echo-1.xsd"
    assert schema.xsd_text(ECHO_BE.xsd) == (WSDL / "echo-1.xsd").read_bytes()
    assert schema.xsd_text(AANLEVER.xsd) == schema.xsd_text()
    with pytest.raises(KeyError):
        schema.xsd_text("../errors.py")


def test_the_limits_stand_in_the_schema() -> None:
    text = schema.xsd_text(ECHO_BE.xsd).decode()
    assert f'<xsd:maxLength value="{limits.ECHO_TEXT_MAX}"/>' in text
    assert f"At most {limits.ECHO_DATA_MAX_BYTES} octets" in text


def test_zeep_builds_a_client() -> None:
    client = zeep.Client(str(WSDL / ECHO_BE.wsdl))
    message = client.create_message(client.service, "echo", text="x", data=b"\0\1")
    body = next(message.iter(f"{{{ECHO}}}echoRequest"))
    schema.validate(body)
    assert body.findtext(f"{{{ECHO}}}data") == "AAE="
