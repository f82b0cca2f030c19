"""The attack corpus without a network: the gate as a value, for speed and for mutations.

What needs a connection (HTTP framing, what TLS itself refuses) or a store (what is sent
twice, authorisation) is for the wire.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from digipoort_wus.conformance.cases import Case
from digipoort_wus.conformance.messages import service_of
from digipoort_wus.conformance.recipes import Kit, MissingCertificate, make_messages
from digipoort_wus.errors import Refusal
from digipoort_wus.names import Service
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import VerifiedCertificate, trust_store, verify_certificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from digipoort_wus.pki.wrong import WrongSet, make_wrong
from digipoort_wus.server.gate import Gate, Rejected, open_request
from digipoort_wus.server.http import Head, HttpRequest, check_head
from digipoort_wus.wss.policy import POLICIES
from tests.conftest import CERTS_TEST
from tests.messages import NOW

BASE = "https://localhost:8443"
# Judged before the gate, by the channel, or behind it, by admission, process or store.
ELSEWHERE = (
    "HTTP-HOST",
    "PARTY-",
    "KENMERK-",
    "BERICHTSOORT-",
    "AUSP-",
    "WSS-REPLAY",
    "MESSAGE-ID-REUSED",
    "SCENARIO-FAULT",
    "OVERLOAD",
    "PERIOD-ORDER",
    "REPORT-CODE",
)


@dataclass(frozen=True)
class Prepared:
    """A case with its octets made, so that running it is judging only."""

    case: Case
    service: Service
    head: Head
    octets: bytes
    peer: x509.Certificate | None
    sent: tuple[x509.Certificate, ...]
    """What the TLS client shows beside its certificate."""


class House:
    """Certificates of every kind, and a gate for every service that judges them."""

    def __init__(self) -> None:
        self.pki: TestPki = make_pki("g1", now=NOW, key_source=keys_from(CERTS_TEST / "g1"))
        self.wrong: WrongSet = make_wrong(self.pki, now=NOW)
        self.store = trust_store(self.wrong.authorities, self.wrong.crls.values(), profiles.TEST)

    def certificates(self, name: str) -> tuple[x509.Certificate, ...]:
        stem = name.removeprefix("wrong/")
        if stem != name and stem in self.wrong.wrongs:
            made = self.wrong.wrongs[stem].made
            return (made.certificate, *made.chain)
        identity = self.identity(name)
        return (identity.certificate, *identity.chain)

    def identity(self, name: str) -> Identity:
        stem = name.removeprefix("wrong/")
        if stem != name and stem in self.wrong.wrongs:
            made = self.wrong.wrongs[stem].made
            return Identity(made.certificate, made.chain, made.key)  # type: ignore[arg-type]
        if name in self.pki.identities:
            return self.pki.identities[name]
        if name in self.pki.authorities:
            authority = self.pki.authorities[name]
            return Identity(authority.certificate, (), authority.key)
        raise MissingCertificate(f"there is no certificate {name}")

    def judged(self, certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
        return verify_certificate(self.store, certificate, (), Role.SIGNER, at)

    def peer(self, certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
        return verify_certificate(self.store, certificate, (), Role.TLS_CLIENT, at)

    def gate(self, service: Service) -> Gate:
        signing = self.pki.identities["gateway-signing"]
        return Gate(
            policy=POLICIES[service.policy],
            trust=self.judged,
            peer_trust=self.peer,
            identity=signing,
            clock=lambda: NOW,
            new_message_id=lambda: "urn:uuid:fresh",
            explain_faults=True,
            oins=frozenset({oin_of(signing.certificate)}),
        )

    def prepare(self, case: Case) -> Prepared | None:
        """Return a case ready to run, None when it is for the wire or not for this PKI."""
        check, tls = case.expected.check, case.tls
        if tls.certificate == "none" and case.expected.answer == "alert":
            return None  # for OpenSSL to refuse
        if not case.http.is_value or tls.version or tls.ciphers or tls.alpn:
            return None
        if check is not None and check.id.startswith(ELSEWHERE):
            return None
        service, _ = service_of(case.endpoint, case.message.operation)
        url = BASE + service.paths[0]
        kit = Kit(case.endpoint, BASE, url, NOW, self.identity, self.certificates)
        try:
            *before, octets = make_messages(case.message, case.steps, kit)
            shown = () if tls.certificate == "none" else self.certificates(tls.certificate)
        except MissingCertificate:
            return None
        if before:
            return None
        headers = {
            "host": "localhost:8443",
            "content-type": "text/xml; charset=utf-8",
            "soapaction": '""',
            "content-length": str(len(octets)),
        }
        headers |= {name.lower(): value for name, value in case.http.headers.items()}
        head = Head(
            case.http.method,
            case.http.path or service.paths[0],
            "",
            {name: value for name, value in headers.items() if value},
        )
        return Prepared(case, service, head, octets, shown[0] if shown else None, shown[1:])

    def run(self, prepared: Prepared) -> str:
        """Judge a case: ``accepted``, or the check that refused it."""
        try:
            if prepared.case.expected.answer == "alert":
                self._shake_hands(prepared)
            check_head(prepared.head)
        except Refusal as refusal:
            return refusal.check.id
        request = HttpRequest(prepared.head, prepared.octets, prepared.peer)
        outcome = open_request(self.gate(prepared.service), prepared.service, request)
        return outcome.refusal.check.id if isinstance(outcome, Rejected) else "accepted"

    def _shake_hands(self, prepared: Prepared) -> None:
        assert prepared.peer is not None
        verify_certificate(self.store, prepared.peer, prepared.sent, Role.TLS_CLIENT, NOW)


def expected_of(case: Case) -> str:
    """Return what :meth:`House.run` must say; ``alert`` stands for any refusal."""
    if case.expected.answer == "alert":
        return "alert"
    return case.expected.check.id if case.expected.check else "accepted"


def prepare_all(house: House, cases: Iterable[Case]) -> Mapping[str, Prepared]:
    """Return every case that can run here, by its id."""
    prepared = {case.id: house.prepare(case) for case in cases}
    return {name: one for name, one in prepared.items() if one is not None}
