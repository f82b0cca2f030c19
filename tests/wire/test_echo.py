"""Echo over real mutual TLS: both profiles, what confirms, mix-ups, what can be set."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from lxml import etree
from requests.exceptions import RequestException

from digipoort_wus.client.digikoppeling import ServiceFault
from digipoort_wus.names import (
    DS,
    ECHO,
    ECHO_BE,
    ECHO_BE_S,
    WSA,
    WSSE,
    WSSE11,
    WSU,
    Service,
)
from digipoort_wus.wss.policy import (
    SUITE_PSS_SHA256,
    SUITE_SHA1,
    SUITES_SHA2,
    Suite,
)
from tests.echo import ACTION, BODY, headers, message, octets, signed_echo
from tests.wire.conftest import Running, body_of, served, with_pki
from tests.wire.echo import (
    BOTH,
    GATEWAY,
    A,
    B,
    data_for,
    endpoint,
    judged,
    request,
    said,
    send,
    url_of,
    xmlsec_verifies,
)

# --- What works ----------------------------------------------------------------------


@BOTH
def test_it_answers_what_it_was_asked(gateway: Running, service: Service) -> None:
    sent = request(gateway, service)
    answer = send(gateway, service, sent.octets)
    assert answer.status_code == 200, answer.text
    element = judged(gateway, sent, answer)
    assert element.tag == f"{{{ECHO}}}echoResponse"
    assert element.findtext(f"{{{ECHO}}}text") == "Goedemorgen, één & al"
    assert element.findtext(f"{{{ECHO}}}data") == "AAECAw=="
    assert (b"SignatureConfirmation" in answer.content) == (service is ECHO_BE_S)
    assert (WSSE.encode() in answer.content) == (service is ECHO_BE_S)


@pytest.mark.parametrize("suite", SUITES_SHA2, ids=lambda suite: suite.name)
def test_every_sha2_is_answered_in_kind(gateway: Running, suite: Suite) -> None:
    sent = request(gateway, ECHO_BE_S, suite=suite)
    answer = send(gateway, ECHO_BE_S, sent.octets)
    assert answer.status_code == 200, answer.text
    judged(gateway, sent, answer)
    assert suite.signature.encode() in answer.content


def test_signature_and_digest_of_different_suites(gateway: Running) -> None:
    mixed = Suite("mixed", SUITES_SHA2[1].signature, SUITES_SHA2[2].digest)
    sent = request(gateway, ECHO_BE_S, suite=mixed)
    judged(gateway, sent, send(gateway, ECHO_BE_S, sent.octets))


@BOTH
def test_large_data_and_text_at_its_limit(gateway: Running, service: Service) -> None:
    data = base64.b64encode(bytes(range(256)) * 4_096).decode()
    body = BODY.replace("AAECAw==", data).replace("Goedemorgen, één &amp; al", "é" * 10_000)
    sent = request(gateway, service, message(body=body))
    element = judged(gateway, sent, send(gateway, service, sent.octets))
    assert element.findtext(f"{{{ECHO}}}data") == data
    assert element.findtext(f"{{{ECHO}}}text") == "é" * 10_000


ACCEPTED: dict[str, tuple[str, dict[str, str]]] = {
    "no ReplyTo": (headers(reply_to=""), {}),
    "From": (headers(more="<a:From><a:Address>https://me.nl/</a:Address></a:From>"), {}),
    "my OIN in From": (
        headers(more=f"<a:From><a:Address>https://me.nl/?OIN={A}</a:Address></a:From>"),
        {},
    ),
    "OIN in To": (headers(to=f"<a:To>https://x.nl/?a=b&amp;OIN={GATEWAY}</a:To>"), {}),
    "To of an intermediary": (headers(to="<a:To>https://elsewhere.nl/dienst</a:To>"), {}),
    "FaultTo none": (headers(more=f"<a:FaultTo><a:Address>{WSA}/none</a:Address></a:FaultTo>"), {}),
    "another header": (headers(more=f"<a:ReplyAfter>{WSA}/none</a:ReplyAfter>"), {}),
    "RelatesTo": (headers(more="<a:RelatesTo>urn:uuid:0</a:RelatesTo>"), {}),
    "MessageID as advised": (headers(message_id="<a:MessageID>m@1@x.nl</a:MessageID>"), {}),
    "SOAPAction": (headers(), {"SOAPAction": f'"{ACTION}"'}),
}


@BOTH
@pytest.mark.parametrize("case", ACCEPTED)
def test_what_toolkits_send(gateway: Running, service: Service, case: str) -> None:
    blocks, http = ACCEPTED[case]
    sent = request(gateway, service, message(blocks))
    answer = send(gateway, service, sent.octets, **http)
    assert answer.status_code == 200, answer.text
    judged(gateway, sent, answer)


def test_a_byte_order_mark_is_skipped(gateway: Running) -> None:
    for service in (ECHO_BE, ECHO_BE_S):
        sent = request(gateway, service)
        judged(gateway, sent, send(gateway, service, b"\xef\xbb\xbf" + sent.octets))


def test_a_timestamp_on_2w_be(gateway: Running) -> None:
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stamp = (
        f'<o:Security xmlns:o="{WSSE}" xmlns:u="{WSU}"><u:Timestamp>'
        f"<u:Created>{created}</u:Created></u:Timestamp></o:Security>"
    )
    assert send(gateway, ECHO_BE, octets(message(headers(more=stamp)))).status_code == 200
    old = stamp.replace(created, "2020-01-01T00:00:00Z")
    found = said(send(gateway, ECHO_BE, octets(message(headers(more=old)))))
    assert (found.faultcode, found.check) == ("wsu:MessageExpired", "WSS-EXPIRED")


@BOTH
def test_the_description(gateway: Running, service: Service) -> None:
    with gateway.session() as session:
        wsdl = session.get(url_of(gateway, service) + "?wsdl", timeout=10)
        assert wsdl.status_code == 200
        served_at = url_of(gateway, service)
        assert f'location="{served_at}"' in wsdl.text
        schema = etree.fromstring(wsdl.content).find(".//{*}import")
        assert schema is not None
        xsd = session.get(str(schema.get("schemaLocation")), timeout=10)
    assert b'targetNamespace="urn:digipoort-wus:echo:1"' in xsd.content


# --- The confirmation, for another implementation -------------------------------------


@pytest.mark.parametrize("suite", SUITES_SHA2, ids=lambda suite: suite.name)
def test_the_confirmation_is_right_for_xmlsec(gateway: Running, suite: Suite) -> None:
    sent = request(gateway, ECHO_BE_S, suite=suite)
    answer = send(gateway, ECHO_BE_S, sent.octets)
    asked = next(etree.fromstring(sent.octets).iter(f"{{{DS}}}SignatureValue"))
    root = etree.fromstring(answer.content)
    (confirmation,) = root.iter(f"{{{WSSE11}}}SignatureConfirmation")
    assert confirmation.get("Value") == str(asked.text)
    part_id = confirmation.get(f"{{{WSU}}}Id")
    assert root.find(f".//{{{DS}}}Reference[@URI='#{part_id}']") is not None
    assert xmlsec_verifies(answer.content)
    value = str(confirmation.get("Value")).encode()
    changed = answer.content.replace(value, value[:4][::-1] + value[4:])
    assert changed != answer.content
    assert not xmlsec_verifies(changed)


def test_a_fault_confirms_and_is_right_for_xmlsec(gateway: Running) -> None:
    sent = request(gateway, ECHO_BE_S)
    answer = send(gateway, ECHO_BE_S, sent.octets.replace(b"Goedemorgen", b"Goedenavond"))
    assert said(answer).check == "WSS-DIGEST"
    assert xmlsec_verifies(answer.content)
    with pytest.raises(ServiceFault) as caught:
        judged(gateway, sent, answer)
    assert (caught.value.faultcode, caught.value.signed) == ("wsse:FailedCheck", True)


# --- Profiles mixed up ----------------------------------------------------------------


def test_a_signed_message_for_2w_be(gateway: Running) -> None:
    data, _ = signed_echo(gateway.identity("vendor-a"), created=datetime.now(UTC))
    found = said(send(gateway, ECHO_BE, data))
    assert (found.code, found.faultcode, found.check) == (
        "0010",
        "soap:MustUnderstand",
        "WSS-UNEXPECTED",
    )


def test_an_unsigned_message_for_2w_be_s(gateway: Running) -> None:
    found = said(send(gateway, ECHO_BE_S, octets(message())))
    assert (found.code, found.faultcode, found.check) == ("", "wsse:InvalidSecurity", "WSS-PRESENT")


@pytest.mark.parametrize("suite", [SUITE_SHA1, SUITE_PSS_SHA256], ids=lambda suite: suite.name)
def test_algorithms_that_2w_be_s_does_not_know(gateway: Running, suite: Suite) -> None:
    found = said(send(gateway, ECHO_BE_S, request(gateway, ECHO_BE_S, suite=suite).octets))
    assert (found.code, found.faultcode, found.check) == (
        "",
        "wsse:UnsupportedAlgorithm",
        "WSS-ALGORITHM",
    )


def test_who_connects_must_be_who_signs(gateway: Running) -> None:
    sent = request(gateway, ECHO_BE_S)
    found = said(send(gateway, ECHO_BE_S, sent.octets, name="vendor-b"))
    assert (found.code, found.faultcode, found.check) == (
        "0002",
        "wsse:FailedAuthentication",
        "WSS-SIGNER",
    )


@BOTH
def test_nobody_gets_in_without_a_certificate(gateway: Running, service: Service) -> None:
    with pytest.raises(RequestException), gateway.session(None) as session:
        session.post(url_of(gateway, service), data=octets(message()), timeout=10)


def test_a_repeated_signature_is_refused(gateway: Running) -> None:
    sent = request(gateway, ECHO_BE_S)
    judged(gateway, sent, send(gateway, ECHO_BE_S, sent.octets))
    again = send(gateway, ECHO_BE_S, sent.octets)
    assert said(again).check == "WSS-REPLAY"
    assert again.status_code == 500
    assert body_of(again).findtext("faultcode") == "wsse:FailedCheck"
    # Without a signature there is nothing to know it by.
    plain = request(gateway, ECHO_BE)
    for _ in range(2):
        judged(gateway, plain, send(gateway, ECHO_BE, plain.octets))


# --- What an operator can set ---------------------------------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway that serves another OIN, lets vendor-b do nothing, and explains nothing."""
    folder = tmp_path_factory.mktemp("strict")
    config = folder / "strict.toml"
    config.write_text(
        f'mode = "sandbox"\n[security]\noins = ["{B}"]\naccept_pss = true\nexplain_faults = false\n'
        f'mandates = [{{ tls = "{A}", signer = "{B}" }}]\n'
        f'[[party]]\noin = "{A}"\noperations = ["echo"]\n'
        f'[[party]]\noin = "{B}"\noperations = ["statusinformatie"]\n'
    )
    with served(with_pki(folder / "data"), "--config", str(config)) as running:
        yield running


@BOTH
def test_the_oins_that_are_served(strict: Running, service: Service) -> None:
    for oin, accepted in ((B, True), (GATEWAY, False)):
        root = message(headers(to=f"<a:To>https://x.nl/?OIN={oin}</a:To>"))
        answer = send(strict, service, data_for(strict, service, root))
        assert (answer.status_code == 200) == accepted
        if not accepted:
            assert said(answer).code == "0011"


def test_a_mandate_lets_one_speak_for_another(strict: Running) -> None:
    root = message(headers(more=endpoint("From", f"https://x.nl/?OIN={B}")))
    assert send(strict, ECHO_BE, octets(root)).status_code == 200


@BOTH
def test_a_party_that_may_not(strict: Running, service: Service) -> None:
    sent = request(strict, service, name="vendor-b")
    answer = send(strict, service, sent.octets, name="vendor-b")
    found = said(answer)
    assert (found.status, found.code, found.faultcode) == (500, "0002", "soap:Client")
    # No explanation, and no check.
    assert found.check == ""
    assert (DS.encode() in answer.content) == (service is ECHO_BE_S)
    with pytest.raises(ServiceFault):
        judged(strict, sent, answer)


def test_pss_where_it_is_accepted(strict: Running) -> None:
    sent = request(strict, ECHO_BE_S, suite=SUITE_PSS_SHA256)
    answer = send(strict, ECHO_BE_S, sent.octets)
    assert answer.status_code == 200, answer.text
