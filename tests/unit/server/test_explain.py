"""An explanation begins with what the gate says, whatever is wrong, and never fails."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.names import AANLEVER, ECHO_BE, ECHO_BE_S
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.bench import Bench
from digipoort_wus.server.explain import Explanation, explain_request, service_of
from digipoort_wus.server.gate import Gate, Rejected, _log_once, fault, open_request
from digipoort_wus.server.http import HttpRequest
from digipoort_wus.server.mending import _MENDERS
from digipoort_wus.server.stored import as_request
from digipoort_wus.wss.causes.loose import read_loosely
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW, filing
from tests.unit.wss.test_verify import CHANGES, trust_of

VECTORS = Path(__file__).parents[2] / "vectors"
NODE_SOAP = [
    ("WSS-TRANSFORM", "enveloped-transform"),
    ("WSS-REF-TARGET", "dangling-id"),
]


def gate_of(pki: TestPki, *, explain_faults: bool) -> Gate:
    return Gate(
        policy=DIGIPOORT_1_2,
        trust=trust_of(pki),
        identity=pki.identities["gateway-signing"],
        clock=lambda: NOW,
        new_message_id=lambda: "urn:uuid:1",
        explain_faults=explain_faults,
    )


def request(octets: bytes) -> HttpRequest:
    return as_request(octets, AANLEVER, {})


def explained(octets: bytes, pki: TestPki) -> Explanation:
    bench = Bench(DIGIPOORT_1_2, pki.trust_store(), NOW)
    return explain_request(bench, AANLEVER, request(octets))


@pytest.mark.parametrize("name", CHANGES)
def test_the_first_finding_is_the_gates(g1: TestPki, name: str) -> None:
    octets = filing(g1.identities["vendor-a"], change=CHANGES[name][0])
    outcome = open_request(gate_of(g1, explain_faults=False), AANLEVER, request(octets))
    assert isinstance(outcome, Rejected)
    found = explained(octets, g1)
    assert found.accepted is None
    assert [finding.first for finding in found.findings] == [
        number == 0 for number in range(len(found.findings))
    ]
    assert found.findings[0].refusal.check is outcome.refusal.check
    assert all(finding.remedy for finding in found.findings)


def test_who_is_let_in(g1: TestPki) -> None:
    found = explained(filing(g1.identities["vendor-a"]), g1)
    assert found.accepted is not None
    assert found.accepted.certificate == g1.identities["vendor-a"].certificate
    assert found.findings == ()


@pytest.mark.parametrize("name", ["body changed", "enveloped transform", "unknown id"])
def test_production_never_explains(g1: TestPki, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(
        "digipoort_wus.server.gate.short_cause", lambda *arguments, **_: asked.append(arguments)
    )
    octets = filing(g1.identities["vendor-a"], change=CHANGES[name][0])
    gate = gate_of(g1, explain_faults=False)
    outcome = open_request(gate, AANLEVER, request(octets))
    assert isinstance(outcome, Rejected)
    assert asked == []
    assert outcome.refusal.hint is None
    assert b"Oorzaak" not in fault(gate, outcome).body
    # The same message in a sandbox, so that the above could have failed.
    open_request(gate_of(g1, explain_faults=True), AANLEVER, request(octets))
    assert len(asked) == 1


def test_a_sandbox_puts_the_cause_into_the_fault(g1: TestPki) -> None:
    octets = filing(g1.identities["vendor-a"], change=CHANGES["enveloped transform"][0])
    gate = gate_of(g1, explain_faults=True)
    outcome = open_request(gate, AANLEVER, request(octets))
    assert isinstance(outcome, Rejected)
    text = etree.fromstring(fault(gate, outcome).body).findtext(".//{*}foutbeschrijving") or ""
    assert text.endswith(
        "\nOorzaak: enveloped-transform: de References noemen de enveloped-signature-transform "
        "(1 of 6)."
    )
    # A message without any mistake of the usual kind gets no cause made up.
    octets = filing(g1.identities["vendor-a"], change=CHANGES["body changed"][0])
    outcome = open_request(gate, AANLEVER, request(octets))
    assert isinstance(outcome, Rejected)
    assert b"Oorzaak" not in fault(gate, outcome).body


def bad_version(der: bytes) -> bytes:
    return der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1)


def bit_string_in_issuer(der: bytes) -> bytes:
    """Make a BIT STRING of the issuer's common name, which stands before the subject's."""
    return der.replace(bytes.fromhex("06035504030c"), bytes.fromhex("060355040303"), 1)


@pytest.mark.parametrize(
    ("change", "check"), [(bad_version, "WSS-TOKEN"), (bit_string_in_issuer, "PKI-CHAIN")]
)
def test_a_certificate_that_is_none_is_refused_with_and_without_explanation(
    g1: TestPki,
    change: Callable[[bytes], bytes],
    check: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    der = g1.identities["vendor-a"].certificate.public_bytes(Encoding.DER)
    changed = change(der)
    assert changed != der
    octets = filing(g1.identities["vendor-a"]).replace(b64encode(der), b64encode(changed))
    for explain in (False, True):
        outcome = open_request(gate_of(g1, explain_faults=explain), AANLEVER, request(octets))
        assert isinstance(outcome, Rejected)
        assert outcome.refusal.check.id == check
    # Nor was it the guard around explanations that helped.
    assert caplog.records == []
    found = explained(octets, g1)
    assert found.findings[0].refusal.check.id == check


def test_an_explanation_that_fails_leaves_the_refusal(
    g1: TestPki, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise TypeError("001000044B37")

    _log_once.cache_clear()
    monkeypatch.setattr("digipoort_wus.server.gate.short_cause", fails)
    octets = filing(g1.identities["vendor-a"], change=CHANGES["body changed"][0])
    gate = gate_of(g1, explain_faults=True)
    for _ in range(3):
        outcome = open_request(gate, AANLEVER, request(octets))
        assert isinstance(outcome, Rejected)
        assert outcome.refusal.check is checks.WSS_DIGEST
        assert outcome.refusal.hint is None
        assert b"WSS-DIGEST" in fault(gate, outcome).body
    (record,) = caplog.records
    assert "TypeError" in record.getMessage()
    assert "001000044B37" not in caplog.text


def test_what_another_stack_sends_by_default(g1: TestPki) -> None:
    """A request of node-soap as it left it, with the settings that it comes with."""
    octets = (VECTORS / "node-soap-sha256-file-default.xml").read_bytes()
    created = read_loosely(parse_message(octets)).created
    assert created is not None
    bench = Bench(DIGIPOORT_1_2, g1.trust_store(), created)
    found = explain_request(bench, AANLEVER, request(octets))
    told = [(f.refusal.check.id, f.found.id if f.found else "") for f in found.findings]
    assert told == NODE_SOAP
    assert found.complete


def test_what_is_mended_is_a_check() -> None:
    assert set(_MENDERS) <= {check.id for check in checks.CATALOGUE}


def test_which_service_it_was_for() -> None:
    echo = b"<e:echoRequest/>"
    assert service_of(echo) is ECHO_BE
    assert service_of(echo + b"<SignatureValue/>") is ECHO_BE_S
    assert service_of(echo, policy="digikoppeling-3.0-be-S") is ECHO_BE_S
    assert service_of(b"<x/>") is None
    assert service_of(echo, path=f"{AANLEVER.paths[1]}/") is AANLEVER
    assert service_of(echo, path="/elsewhere") is None


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_is_changed_there_is_an_explanation(g1: TestPki, data: st.DataObject) -> None:
    """Cut, doubled, exchanged octets: explain says what the gate says, and does not fail."""
    octets = filing(g1.identities["vendor-a"])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(octets) - 1))
        end = start + data.draw(st.integers(0, 40))
        new = data.draw(
            st.sampled_from([b"", b"<a/>", b" ", b"&#13;", b"x:", octets[start:end] * 2])
        )
        octets = octets[:start] + new + octets[end:]
    outcome = open_request(gate_of(g1, explain_faults=True), AANLEVER, request(octets))
    found = explained(octets, g1)
    if isinstance(outcome, Rejected):
        assert found.findings[0].refusal.check is outcome.refusal.check
        assert found.findings[0].first
    else:
        assert found.accepted is not None
