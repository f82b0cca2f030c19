"""Delivering to an agency over real TLS: what it takes, what it refuses, what is tried again."""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import pytest
from lxml import etree

from digipoort_wus.delivery.exchange import Credentials, Peer
from digipoort_wus.delivery.inbox import Inbox
from digipoort_wus.delivery.wus import FINAL_FAULTS, WusAgency, message_id_of
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.status import StatusError
from digipoort_wus.names import AFLEVER, TYPES
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.issue import issue_certificate
from digipoort_wus.pki.testpki import TestPki, fresh_key, make_pki, write_pki
from digipoort_wus.pki.testplan import AGENCY_OIN, GATEWAY_OIN, PLANS, VENDOR_A_OIN, leaf_template
from digipoort_wus.process.agency import Delivered, Rejected, Unreachable
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.soap.fault import Fault, fault_envelope
from digipoort_wus.wss.policy import SUITE_SHA1
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from tests.unit.delivery.agencies import (
    SHORT,
    Answer,
    agency_at,
    credentials,
    example,
    good,
    http,
    odd,
    response_to,
)
from tests.unit.delivery.filings import BERICHTKENMERK, DOCUMENT, KENMERK, filing


def deliver(url: str, pki: TestPki, **options: Any) -> Delivered | Rejected | Unreachable:
    agency = agency_at(url, pki, **options)
    try:
        return agency.deliver(filing(), 1)
    finally:
        agency.close()


def reason(pki: TestPki, answer: Answer, **options: Any) -> str:
    """Deliver to an odd agency, and return why it has to be tried again."""
    with odd(pki, answer, identity=options.pop("identity", None)) as agency:
        outcome = deliver(agency.url, pki, **options)
    assert isinstance(outcome, Unreachable), outcome
    assert outcome.technical
    for secret in (DOCUMENT.decode(), base64.b64encode(DOCUMENT).decode(), "001000044B37"):
        assert secret not in outcome.technical
    return outcome.technical


# --- It goes well -------------------------------------------------------------------


def test_the_example_agency_has_it(pki: TestPki, tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    with example(pki, inbox) as url:
        outcome = deliver(url, pki)
        (taken,) = inbox.all()
    assert isinstance(outcome, Delivered)
    assert outcome.agency == AGENCY_OIN
    assert outcome.message_id == taken.arrival.message_id
    assert outcome.agency_at == taken.taken_at
    assert outcome.receipt is not None
    assert len(outcome.receipt) == 32
    arrival = taken.arrival
    assert (arrival.sender, arrival.kenmerk) == (GATEWAY_OIN, KENMERK)
    assert (arrival.berichtkenmerk, arrival.content) == (BERICHTKENMERK, DOCUMENT)
    assert arrival.aanleveraar == "00000099000000002000"
    assert taken.times == 1


def test_g4_with_certificates_for_one_purpose_each(g4_now: TestPki, tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    with example(g4_now, inbox) as url:
        assert isinstance(deliver(url, g4_now), Delivered)


def test_what_comes_again_is_the_same_message(pki: TestPki) -> None:
    start = datetime.now(UTC)
    clocks = [lambda: start - timedelta(minutes=1), lambda: start]
    with odd(pki, good(pki.identities["agency"])) as agency:
        first, second = (deliver(agency.url, pki, clock=clock) for clock in clocks)
        requests = [agency.requests.get(timeout=5) for _ in range(2)]
    assert isinstance(first, Delivered)
    assert isinstance(second, Delivered)
    assert first.message_id == second.message_id == message_id_of(filing())
    UUID(first.message_id.removeprefix("urn:uuid:"))
    envelopes = [read_envelope(parse_message(request)) for request in requests]
    assert [read_addressing(one).message_id for one in envelopes] == [first.message_id] * 2
    bodies = [canonicalize(one.body) for one in envelopes]
    assert bodies[0] == bodies[1]
    assert requests[0] != requests[1]


def test_another_filing_is_another_message() -> None:
    assert message_id_of(filing()) != message_id_of(filing(berichtkenmerk="another"))


def test_warnings_go_along(pki: TestPki) -> None:
    warning = Finding("W1", "warning", "Let op")
    with odd(pki, good(pki.identities["agency"])) as agency:
        outcome = deliver(agency.url, pki, findings=lambda _: (warning,))
        request = parse_message(agency.requests.get(timeout=5))
    assert isinstance(outcome, Delivered)
    assert next(request.iter(f"{{{TYPES}}}beschrijving")).text == "Let op"


def test_the_agency_judges_by_itself_when_it_likes(pki: TestPki) -> None:
    agency = agency_at("https://localhost:1/", pki)
    assert agency.answer(filing()) is None


def test_a_connection_is_used_again(pki: TestPki) -> None:
    with odd(pki, good(pki.identities["agency"])) as odd_one:
        agency = agency_at(odd_one.url, pki)
        for _ in range(3):
            assert isinstance(agency.deliver(filing(), 1), Delivered)
        assert odd_one.connections == 1
        agency.close()


def test_a_connection_that_was_closed_meanwhile_is_not_a_failure(pki: TestPki) -> None:
    identity, answered = pki.identities["agency"], []

    def answer(request: bytes) -> bytes | None:
        answered.append(request)
        # The second request on a connection finds it closed.
        return http(response_to(request, identity)) if len(answered) != 2 else None

    with odd(pki, answer) as odd_one:
        agency = agency_at(odd_one.url, pki)
        for _ in range(2):
            assert isinstance(agency.deliver(filing(), 1), Delivered)
        assert (odd_one.connections, len(answered)) == (2, 3)
        agency.close()


def test_new_credentials_get_a_new_connection(pki: TestPki) -> None:
    held = [credentials(pki)]
    with odd(pki, good(pki.identities["agency"])) as odd_one:
        agency = WusAgency(Peer(odd_one.url, AGENCY_OIN), lambda: held[0], timeouts=SHORT)
        assert isinstance(agency.deliver(filing(), 1), Delivered)
        held[0] = credentials(pki)
        assert isinstance(agency.deliver(filing(), 1), Delivered)
        assert odd_one.connections == 2
        agency.close()


# --- Large contents -----------------------------------------------------------------

PROGRAM = """
import sys
from datetime import datetime
from pathlib import Path
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.exchange import Credentials, Peer
from digipoort_wus.delivery.wus import WusAgency
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem
from tests.unit.delivery.filings import filing

class InFile:
    def __init__(self, path):
        self.path, self.size = path, path.stat().st_size
    def open(self):
        return self.path.open("rb")

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

url, oin, directory, content = sys.argv[1:]
pki = Path(directory)
store = trust_store(load_certificates(pki / "ca.pem"), load_crls(pki / "crl"), profiles.TEST)
names = ("gateway-tls", "gateway-signing")
own = Credentials(*(load_pem(pki / f"{n}.pem", pki / f"{n}.key") for n in names), store)
agency = WusAgency(Peer(url, oin), lambda: own, timeouts=Timeouts(10, 60, 120))
small = agency.deliver(filing(berichtkenmerk="small"), 1)
idle = status("VmRSS")
large = agency.deliver(filing(InFile(Path(content))), 1)
print(type(small).__name__, type(large).__name__, status("VmHWM") - idle)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_twenty_mebibytes_are_never_in_memory(pki: TestPki, tmp_path: Path) -> None:
    octets = os.urandom(20 * 1024 * 1024)
    content = tmp_path / "content"
    content.write_bytes(octets)
    write_pki(pki, tmp_path / "pki")
    inbox = Inbox(tmp_path / "agency")
    with example(pki, inbox) as url:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, url, AGENCY_OIN, str(tmp_path / "pki"), str(content)],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        _, large = inbox.all()
    *outcomes, peak = done.stdout.split()
    assert outcomes == ["Delivered", "Delivered"]
    assert large.arrival.content == octets
    assert int(peak) < 40e6


def test_contents_that_the_store_cannot_give_are_no_trouble_of_the_agency(pki: TestPki) -> None:
    class Damaged(Exception):
        pass

    class Broken:
        size = 200_000
        times = 0

        def open(self) -> BinaryIO:
            # Good while the digest is made, and damaged when it is sent.
            self.times += 1
            return BytesIO(bytes(200_000)) if self.times == 1 else DamagedFile()

        def read(self) -> bytes:
            raise Damaged

    class DamagedFile(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise Damaged

    with odd(pki, good(pki.identities["agency"])) as odd_one:
        agency = agency_at(odd_one.url, pki)
        with pytest.raises(Damaged):
            agency.deliver(filing(Broken()), 1)
        # Half a request was not taken for a whole one, and the next one has its own connection.
        assert isinstance(agency.deliver(filing(), 1), Delivered)
        agency.close()
    assert odd_one.requests.qsize() == 1
    assert odd_one.connections == 2


# --- The agency's answer is lost ----------------------------------------------------


def test_a_lost_answer_is_delivered_again_and_the_agency_sees_it_once(
    pki: TestPki, tmp_path: Path
) -> None:
    inbox = Inbox(tmp_path)
    with example(pki, inbox, lose_answers=1.0) as url:
        outcome = deliver(url, pki)
        (first,) = inbox.all()
    assert isinstance(outcome, Unreachable)
    assert first.times == 1
    inbox = Inbox(tmp_path)
    with example(pki, inbox) as url:
        again = deliver(url, pki)
        (taken,) = inbox.all()
    assert isinstance(again, Delivered)
    assert taken.times == 2
    assert again.agency_at == first.taken_at == taken.taken_at


def test_who_does_not_want_the_rest_is_heard(pki: TestPki) -> None:
    def early(request: bytes) -> bytes:
        raise AssertionError("never read to its end")

    busy = http(b"busy", status="503 Busy", content_type="text/plain", more="Connection: close\r\n")
    with odd(pki, early, at_once=busy) as agency:
        outcome = agency_at(agency.url, pki).deliver(filing(bytes(3_000_000)), 1)
    assert outcome == Unreachable("HTTP 503 and no SOAP")


@pytest.mark.parametrize("conduct", [{"slow": 2.5}, {"down_for": 60}])
def test_an_agency_that_takes_its_time(
    pki: TestPki, tmp_path: Path, conduct: dict[str, Any]
) -> None:
    with example(pki, Inbox(tmp_path), **conduct) as url:
        outcome = deliver(url, pki)
    said = "no answer in time" if "slow" in conduct else "HTTP 503 and no SOAP"
    assert outcome == Unreachable(said)


# --- Who is at the other end --------------------------------------------------------


def test_a_server_that_is_somebody_else_hears_nothing(pki: TestPki) -> None:
    # A certificate for localhost that everybody trusts, of another party.
    with odd(pki, good(pki.identities["agency"]), identity=pki.identities["gateway-tls"]) as agency:
        outcome = deliver(agency.url, pki)
        assert agency.requests.empty()
    assert outcome == Unreachable(f"the server is OIN {GATEWAY_OIN}, and not OIN {AGENCY_OIN}")


def test_a_server_with_a_certificate_for_another_name(pki: TestPki) -> None:
    said = reason(pki, good(pki.identities["agency"]), identity=pki.identities["vendor-b"])
    assert "mismatch" in said


def test_a_server_of_another_pki(pki: TestPki) -> None:
    other = make_pki("g1", now=datetime.now(UTC), key_source=_keys_but_roots(pki))
    said = reason(pki, good(pki.identities["agency"]), identity=other.identities["agency"])
    assert "the certificate is refused" in said


def _keys_but_roots(pki: TestPki) -> Callable[[str, int], Any]:
    def key_of(name: str, bits: int) -> Any:
        identity = pki.identities.get(name)
        # A CA of the same names with other keys; small, for they take seconds.
        return fresh_key(name, min(bits, 2048)) if identity is None else identity.private_key

    return key_of


def test_nobody_is_there(pki: TestPki) -> None:
    with odd(pki, good(pki.identities["agency"])) as agency:
        url = agency.url
    outcome = deliver(url, pki)
    assert isinstance(outcome, Unreachable)
    assert "Connection refused" in outcome.technical


def test_an_agency_that_does_not_believe_us(pki: TestPki, tmp_path: Path) -> None:
    names = pki.identities
    expired = Credentials(names["vendor-expired"], names["gateway-signing"], pki.trust_store())
    with example(pki, Inbox(tmp_path)) as url:
        small, large = (
            agency_at(url, pki, own=expired).deliver(filing(content), 1)
            for content in (DOCUMENT, bytes(3_000_000))
        )
    assert isinstance(small, Unreachable)
    assert "CERTIFICATE_EXPIRED" in small.technical
    assert isinstance(large, Unreachable)


# --- What it answers ----------------------------------------------------------------


def signer(pki: TestPki, name: str) -> Identity:
    return pki.identities[name]


def expired_agency(pki: TestPki) -> Identity:
    leaf = next(leaf for leaf in PLANS["g1"].leaves if leaf.name == "agency")
    template = leaf_template(replace(leaf, fate="expired"), datetime.now(UTC), 3650)
    issuer, known = pki.authorities["issuing-ca"], pki.identities["agency"]
    certificate = issue_certificate(template, known.private_key.public_key(), issuer)
    return Identity(certificate, known.chain, known.private_key)


def test_the_signer_has_expired(pki: TestPki) -> None:
    assert "[PKI-VALIDITY]" in reason(pki, good(expired_agency(pki)))


def test_the_signer_is_somebody_else(pki: TestPki) -> None:
    assert "[ANSWER-SIGNER]" in reason(pki, good(signer(pki, "vendor-a")))


def test_somebody_may_sign_for_the_agency(pki: TestPki) -> None:
    with odd(pki, good(signer(pki, "vendor-a"))) as agency:
        assert isinstance(deliver(agency.url, pki, signer_oin=VENDOR_A_OIN), Delivered)
    said = reason(pki, good(signer(pki, "agency")), signer_oin=VENDOR_A_OIN)
    assert "[ANSWER-SIGNER]" in said
    assert VENDOR_A_OIN in said


def test_the_signer_is_revoked(pki: TestPki) -> None:
    assert "[PKI-REVOKED]" in reason(pki, good(signer(pki, "vendor-revoked")))


def test_the_answer_is_not_signed(pki: TestPki) -> None:
    def unsigned(request: bytes) -> bytes:
        root = parse_message(response_to(request, signer(pki, "agency")))
        security = next(root.iter("{*}Security"))
        security.getparent().remove(security)  # type: ignore[union-attr]
        return http(etree.tostring(root))

    assert "[WSS-PRESENT]" in reason(pki, unsigned)


def test_the_answer_was_changed(pki: TestPki) -> None:
    def changed(request: bytes) -> bytes:
        octets = response_to(request, signer(pki, "agency"), at="2026-06-01T12:00:05.000Z")
        return http(octets.replace(b"12:00:05.000Z", b"12:00:06.000Z"))

    assert "[WSS-DIGEST]" in reason(pki, changed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"headers": {"RelatesTo": "urn:uuid:another"}}, "[ANSWER-RELATES-TO]"),
        ({"headers": {"Action": "urn:another"}}, "[ANSWER-ACTION]"),
        ({"kenmerk": "another"}, "the answer is about another kenmerk"),
        ({"berichtkenmerk": "another"}, "the answer is about another berichtkenmerk"),
        ({"at": "yesterday"}, "[XSD-VALID]"),
        ({"suite": SUITE_SHA1}, "[WSS-ALGORITHM]"),
        ({"created": datetime.now(UTC) - timedelta(hours=1)}, "[WSS-EXPIRED]"),
        ({"statuscode": "420", "foutcode": "AFS600"}, "the agency says 420 with AFS600"),
    ],
)
def test_an_answer_that_does_not_do(pki: TestPki, changes: dict[str, Any], said: str) -> None:
    assert said in reason(pki, good(signer(pki, "agency"), **changes))


NOT_SOAP = {
    "garbage": (b"\x00\xff garbage\r\n\r\n", "the answer cannot be read"),
    "no XML": (http(b"hello"), "[XML-WELL-FORMED]"),
    "no SOAP": (http(b"<a/>"), "[SOAP-ENVELOPE]"),
    "HTML": (http(b"<html/>", content_type="text/html"), "HTTP 200 and no SOAP"),
    "503": (http(b"busy", status="503 Busy", content_type="text/plain"), "HTTP 503 and no SOAP"),
    "503 and XML": (http(b"<a/>", status="503 Busy"), "HTTP 503 and no SOAP"),
    "404": (http(b"<a/>", status="404 Not Found"), "HTTP 404 and no SOAP"),
    "redirect": (http(b"", status="302 Found", more="Location: /\r\n"), "HTTP 302 and no SOAP"),
    "too large": (http(b"<a>" + b" " * 65_536 + b"</a>"), "more than 65536 bytes"),
    "too large and chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"20000\r\n" + b" " * 0x20000 + b"\r\n0\r\n\r\n",
        "more than 65536 bytes",
    ),
    "endless head": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "cannot be read"),
    "cut short": (
        http(b"<a/>").replace(b"Length: 4", b"Length: 40") + b"connection: close",
        "the answer ends early",
    ),
    "DOCTYPE": (http(b"<!DOCTYPE a><a/>"), "[XML-DOCTYPE]"),
}


@pytest.mark.parametrize("name", NOT_SOAP)
def test_no_answer_at_all(pki: TestPki, name: str) -> None:
    octets, said = NOT_SOAP[name]
    assert said in reason(pki, lambda _: octets)


def test_the_connection_ends_without_an_answer(pki: TestPki) -> None:
    assert "no answer" in reason(pki, lambda _: None)


def test_an_agency_that_says_nothing(pki: TestPki) -> None:
    def answer(_request: bytes) -> bytes | None:
        time.sleep(1.5)
        return None

    assert reason(pki, answer) == "no answer in time"


def test_an_answer_that_drips_has_a_deadline(pki: TestPki) -> None:
    def drip(_request: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            time.sleep(0.2)
            yield b"A: b\r\n"

    started = time.monotonic()
    assert reason(pki, drip) == "no answer in time"
    assert SHORT.total <= time.monotonic() - started < 2 * SHORT.total


# --- It refuses ---------------------------------------------------------------------


def faulty(code: str, side: str = "Client", status: str = "500 Error") -> Callable[[bytes], bytes]:
    def answer(request: bytes) -> bytes:
        message_id = read_addressing(read_envelope(parse_message(request))).message_id
        octets = fault_envelope(
            Fault(code, "Zo niet,\n\nzei de instantie.", side),
            AFLEVER,
            AFLEVER.operations[0],
            message_id="urn:uuid:fault",
            relates_to=message_id,
        )
        return http(octets, status=status)

    return answer


@pytest.mark.parametrize("code", sorted(FINAL_FAULTS))
@pytest.mark.parametrize("status", ["500 Error", "200 OK"])
def test_a_fault_that_ends_it(pki: TestPki, code: str, status: str) -> None:
    with odd(pki, faulty(code, status=status)) as agency:
        outcome = deliver(agency.url, pki)
    assert isinstance(outcome, Rejected)
    known = code if code in ("AFS400", "AFO100") else "AFS400"
    assert outcome.error.code == known
    assert code in outcome.error.text
    assert outcome.details == "Zo niet, zei de instantie."


@pytest.mark.parametrize(
    "code", ["AFL100", "AFL110", "AFL120", "AFL130", "AFL150", "AFL160", "AFL400", "AFS600", "X1"]
)
def test_a_fault_that_passes(pki: TestPki, code: str) -> None:
    assert reason(pki, faulty(code)) == f"fault {code}"


def test_which_faults_are_final_is_a_setting(pki: TestPki) -> None:
    with odd(pki, faulty("X1")) as agency:
        outcome = deliver(agency.url, pki, final_faults=frozenset({"X1"}))
    assert isinstance(outcome, Rejected)


def test_a_fault_about_another_message_is_none(pki: TestPki) -> None:
    def answer(request: bytes) -> bytes:
        return faulty("AFS400")(request).replace(
            message_id_of(filing()).encode(), b"urn:uuid:00000000-0000-0000-0000-000000000000"
        )

    assert "[ANSWER-RELATES-TO]" in reason(pki, answer)


def test_an_answer_with_an_error_ends_it(pki: TestPki) -> None:
    with odd(pki, good(signer(pki, "agency"), statuscode="410", foutcode="AFO100")) as agency:
        outcome = deliver(agency.url, pki)
    assert outcome == Rejected(
        StatusError("AFO100", "De uitvragende partij heeft het bericht niet aangenomen (AFO100)."),
        "Een reden.",
    )


def test_the_example_agency_faults_on_command(pki: TestPki, tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    with example(pki, inbox, fault="AFO100") as url:
        outcome = deliver(url, pki)
        assert inbox.all() == ()
    assert isinstance(outcome, Rejected)


def test_the_example_agency_takes_from_its_gateway_only(pki: TestPki, tmp_path: Path) -> None:
    names, inbox = pki.identities, Inbox(tmp_path)
    vendor = Credentials(names["vendor-a"], names["vendor-a"], pki.trust_store())
    with example(pki, inbox) as url:
        assert deliver(url, pki, own=vendor) == Unreachable("fault AFL130")
        assert inbox.all() == ()


def test_the_example_agency_refuses_another_content_under_the_same_name(
    pki: TestPki, tmp_path: Path
) -> None:
    inbox = Inbox(tmp_path)
    with example(pki, inbox) as url:
        agency = agency_at(url, pki)
        assert isinstance(agency.deliver(filing(), 1), Delivered)
        assert agency.deliver(filing(b"<another/>"), 1) == Unreachable("fault AFL100")
        agency.close()
        (taken,) = inbox.all()
    assert taken.arrival.content == DOCUMENT
