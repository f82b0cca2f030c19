"""What zeep sends with our plug-ins verifies everywhere, with every part covered."""

from collections.abc import Callable

import pytest
from lxml import etree

from digipoort_wus.client.wsse import DigipoortAddressing, DigipoortWsse, signer_trust
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import AANLEVER, TYPES, WSA_ANONYMOUS
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.header import WSU_ID, read_security
from digipoort_wus.wss.oracle import ENGINES
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SUITE_SHA1, SUITE_SHA256, Suite
from digipoort_wus.wss.verify import verify_envelope
from digipoort_wus.xmlsafe.parse import parse_message
from tests.conftest import need
from tests.messages import NOW
from tests.unit.client.support import FILING, URL, request_of, service, wsse, zeep, zeep_client

SUITES = pytest.mark.parametrize("suite", [SUITE_SHA256, SUITE_SHA1], ids=lambda suite: suite.name)


@SUITES
@pytest.mark.parametrize("engine", ["native", "signxml", "both"])
def test_every_engine_accepts_what_zeep_sends(g1: TestPki, suite: Suite, engine: str) -> None:
    envelope = read_envelope(parse_message(request_of(wsse(g1, suite))))
    verified = verify_envelope(
        envelope,
        read_addressing(envelope),
        policy=DIGIPOORT_1_2,
        trust=signer_trust(g1.trust_store()),
        now=NOW,
        engine=ENGINES[engine],
    )
    assert verified.suite is suite
    assert verified.signer.certificate == g1.identities["vendor-a"].certificate
    assert verified.body_child.tag == f"{{{TYPES}}}aanleverRequest"


@SUITES
def test_xmlsec1_accepts_what_zeep_sends(
    g1: TestPki, suite: Suite, xmlsec1: Callable[[bytes], bool]
) -> None:
    request = request_of(wsse(g1, suite))
    assert xmlsec1(request)
    assert not xmlsec1(request.replace(b"Bedrijf", b"bedrijf"))


@SUITES
def test_python_xmlsec_accepts_what_zeep_sends(g1: TestPki, suite: Suite) -> None:
    try:
        import xmlsec
    except ImportError:
        need("xmlsec", found=False, install="pip install xmlsec")
    root = parse_message(request_of(wsse(g1, suite)))
    header = read_security(read_envelope(root))
    from cryptography.hazmat.primitives.serialization import Encoding

    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        header.certificate.public_bytes(Encoding.PEM), xmlsec.constants.KeyDataFormatCertPem
    )
    for node in root.iter():
        if node.get(WSU_ID):
            context.register_id(node, "Id", WSU_ID[1:].partition("}")[0])
    context.verify(header.signature)
    read_envelope(root).body_child[0].text = "Tampered"
    with pytest.raises(xmlsec.Error):
        context.verify(header.signature)


def test_the_headers_are_those_of_the_interface(g1: TestPki) -> None:
    client = zeep_client(wsse(g1), lambda _sent: b"")
    with pytest.raises(zeep.exceptions.TransportError):
        service(client).aanleveren(**FILING)
    addressing = read_addressing(read_envelope(parse_message(client.transport.sent[0])))
    assert addressing.to == URL
    assert addressing.action == AANLEVER.request_action(AANLEVER.operations[0])
    assert addressing.message_id.startswith("urn:uuid:")
    assert addressing.reply_to == WSA_ANONYMOUS
    assert len(addressing.blocks) == 4


def test_each_request_has_its_own_message_id(g1: TestPki) -> None:
    plugin = wsse(g1)
    ids = {
        read_addressing(read_envelope(parse_message(request_of(plugin)))).message_id
        for _ in range(3)
    }
    assert len(ids) == 3


def test_headers_that_zeep_adds_by_itself_are_replaced(g1: TestPki) -> None:
    client = zeep_client(wsse(g1))
    wsa_plugin = zeep.wsa.WsAddressingPlugin()
    client.plugins = [wsa_plugin, DigipoortAddressing()]
    envelope = client.create_message(service(client), "aanleveren", **FILING)
    assert len(read_addressing(read_envelope(envelope)).blocks) == 4


def test_a_request_without_addressing_is_not_signed(g1: TestPki) -> None:
    client = zeep_client(wsse(g1))
    client.plugins = []
    with pytest.raises(ConfigurationError, match=r"plugins=\[DigipoortAddressing\(\)\]"):
        client.create_message(service(client), "aanleveren", **FILING)


def test_a_header_of_ones_own_is_not_signed(g1: TestPki) -> None:
    client = zeep_client(wsse(g1))
    own = etree.Element("{urn:own}Causality")
    with pytest.raises(ConfigurationError, match="no header blocks of your own"):
        client.create_message(service(client), "aanleveren", **FILING, _soapheaders=[own])


def test_an_operation_without_action_is_a_mistake_of_the_wsdl() -> None:
    class Operation:
        soapaction = ""

    with pytest.raises(ConfigurationError, match="no soapAction"):
        DigipoortAddressing().egress(etree.Element("a"), {}, Operation(), {"address": URL})


def test_the_key_is_not_shown(g1: TestPki) -> None:
    plugin: DigipoortWsse = wsse(g1)
    assert "private_key" not in repr(plugin)
