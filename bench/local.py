"""What one exchange and its parts cost in this process."""

import hashlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from bench.measure import Row
from digipoort_wus.clock import system_clock
from digipoort_wus.contract.services import make_applications
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.names import AANLEVER, WSA_ANONYMOUS
from digipoort_wus.pki.chain import CachingVerifier, VerifiedCertificate
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process.api import Caller
from digipoort_wus.process.intake import House
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.service import ProcessService
from digipoort_wus.server.gate import Gate, Opened, answer, open_request
from digipoort_wus.server.http import Head, HttpRequest
from digipoort_wus.server.spyne_host import call
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.store.sqlite import open_sqlite
from digipoort_wus.wss.oracle import verify_signature_signxml
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SUITE_SHA256
from digipoort_wus.wss.sign import signed_answer
from digipoort_wus.wss.verify import SignatureEngine, verify_envelope
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import aanlever_body, envelope, signed

CONTENT = b"<x>" + b"Omzetbelasting " * 650 + b"</x>"
"""About 10 kB, as a filing usually has."""
FLOOR = "RSA-2048 sign + verify (the floor)"
NATIVE = "parse + verify, native"
SIGNXML = "parse + verify, signxml"
TOGETHER = 16
_HEAD = Head("POST", AANLEVER.paths[0], "", {"content-type": "text/xml"})

Trust = Callable[[x509.Certificate, datetime], VerifiedCertificate]


def floor_row(pki: TestPki) -> Row:
    """Return what any implementation pays for one exchange: a signature and a verification."""
    key = pki.identities["vendor-a"].private_key
    return Row(FLOOR, lambda: _sign_and_verify(key))


def floors(pki: TestPki) -> list[Row]:
    """Return the floors of the parts."""
    small, large = pki.identities["vendor-a"].private_key, pki.identities["vendor-b"].private_key
    octets = request(pki, CONTENT)
    body = parse_message(octets)[-1]
    return [
        floor_row(pki),
        Row("RSA-3072 sign + verify", lambda: _sign_and_verify(large)),
        Row("RSA-2048 sign", lambda: _sign(small)),
        Row("parse 10 kB", lambda: etree.fromstring(octets)),
        Row("c14n of its Body", lambda: canonicalize(body)),
        Row("SHA-256 of 10 kB", lambda: hashlib.sha256(CONTENT).digest()),
    ]


def signatures(pki: TestPki) -> list[Row]:
    """Return verification by the engines, and the signing of an answer."""
    octets = request(pki, CONTENT)
    child = etree.fromstring(f"<r xmlns='{AANLEVER.namespace}'><kenmerk>{uuid4()}</kenmerk></r>")
    headers = (("To", WSA_ANONYMOUS), ("MessageID", "urn:uuid:1"), ("RelatesTo", "urn:uuid:2"))
    identity = pki.identities["gateway-signing"]

    def sign() -> bytes:
        return signed_answer(
            headers, child, identity=identity, suite=SUITE_SHA256, created=system_clock()
        )

    return [
        Row(NATIVE, _verifier(pki, octets, None)),
        Row(SIGNXML, _verifier(pki, octets, verify_signature_signxml)),
        *_xmlsec_row(pki, octets),
        Row("sign an answer (template)", sign),
    ]


@contextmanager
def exchanges(pki: TestPki, scratch: Path) -> Iterator[list[Row]]:
    """Give Spyne alone, commits alone, and whole exchanges on one store."""
    with (
        closing(_raw_database(scratch / "raw.db")) as raw,
        open_sqlite(scratch / "exchange") as store,
        ThreadPoolExecutor(1) as executor,
    ):
        process = ProcessService(
            store=store,
            house=House(sandbox_routes()),
            clock=system_clock,
            new_id=lambda: str(uuid4()),
            executor=executor,
        )
        exchange = _Exchange(pki, process)
        yield [
            Row("Spyne dispatch alone", _spyne_alone(exchange.gate, pki)),
            Row("raw commit of 10 kB (SQLite, no thread)", lambda: _raw_commit(raw)),
            Row("store commit alone, 1 caller", lambda: _commit(process, 1)),
            Row(
                f"store commit alone, {TOGETHER} callers",
                lambda: _commit(process, TOGETHER),
                TOGETHER,
            ),
            Row("whole aanleveren of 10 kB, 1 in flight", exchange.run, 1, exchange.prepare),
            Row(
                f"whole aanleveren of 10 kB, {TOGETHER} in flight",
                lambda: exchange.run(TOGETHER),
                TOGETHER,
                lambda calls: exchange.prepare(calls * TOGETHER),
            ),
        ]


def request(pki: TestPki, content: bytes) -> bytes:
    """Return a new signed filing of this content."""
    root = envelope(aanlever_body(content))
    return signed(pki.identities["vendor-a"], root, created=datetime.now(UTC))


class _Exchange:
    """Whole exchanges: gate, XSD, Spyne, commit, signed answer; each request is a new message."""

    def __init__(self, pki: TestPki, process: ProcessService) -> None:
        self.gate = gate_of(pki)
        self._pki = pki
        self._applications = make_applications(process)
        self._prepared: list[bytes] = []

    def prepare(self, exchanges: int) -> None:
        """Sign so many requests."""
        self._prepared = [request(self._pki, CONTENT) for _ in range(exchanges)]

    def run(self, together: int = 1) -> None:
        """Open so many requests, then answer each after its commit."""
        under_way = [self._begun() for _ in range(together)]
        for opened, future in under_way:
            answer(self.gate, opened, future.result())

    def _begun(self) -> tuple[Opened, Future[etree._Element]]:
        opened = _opened(self.gate, self._prepared.pop())
        application = self._applications[AANLEVER.name]
        return opened, call(application, opened.body_child, opened.caller, opened.parts)


def _opened(gate: Gate, octets: bytes) -> Opened:
    opened = open_request(gate, AANLEVER, HttpRequest(_HEAD, octets))
    if not isinstance(opened, Opened):
        raise RuntimeError(str(opened.refusal))
    return opened


def gate_of(pki: TestPki) -> Gate:
    """Return a gate that trusts this hierarchy and signs as its gateway."""
    return Gate(
        policy=DIGIPOORT_1_2,
        trust=_trust(pki),
        identity=pki.identities["gateway-signing"],
        clock=system_clock,
        new_message_id=lambda: f"urn:uuid:{uuid4()}",
    )


class _AtOnce(ProcessService):
    """A process that stores nothing."""

    def accept(self, caller: Caller, delivery: Delivery) -> Future[Filing]:
        future: Future[Filing] = Future()
        future.set_result(Filing("k", "b", caller.oin, datetime.now(UTC), delivery))
        return future


def _spyne_alone(gate: Gate, pki: TestPki) -> Callable[[], object]:
    opened = _opened(gate, request(pki, CONTENT))
    process = _AtOnce.__new__(_AtOnce)  # none of its fields is used
    application = make_applications(process)[AANLEVER.name]
    return lambda: call(application, opened.body_child, opened.caller, opened.parts).result()


def _commit(process: ProcessService, callers: int) -> None:
    delivery = Delivery(
        "Omzetbelasting",
        Party("001000044B37", "Fi"),
        "Bedrijf",
        Document("application/xml", "Omzetbelasting.xbrl", CONTENT),
    )
    futures = [
        process.accept(Caller("00000099000000002000", None, str(uuid4()), bytes(32)), delivery)
        for _ in range(callers)
    ]
    for future in futures:
        future.result()


def _raw_database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE payload (id INTEGER PRIMARY KEY, content BLOB)")
    return connection


def _raw_commit(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO payload VALUES (NULL, ?)", (CONTENT,))
    connection.execute("COMMIT")


def _sign(key: rsa.RSAPrivateKey) -> bytes:
    return key.sign(b"x" * 2_000, padding.PKCS1v15(), hashes.SHA256())


def _sign_and_verify(key: rsa.RSAPrivateKey) -> None:
    value = _sign(key)
    key.public_key().verify(value, b"x" * 2_000, padding.PKCS1v15(), hashes.SHA256())


def _trust(pki: TestPki) -> Trust:
    verifier = CachingVerifier(pki.trust_store())
    return lambda certificate, at: verifier(certificate, (), Role.SIGNER, at)


def _verifier(pki: TestPki, octets: bytes, engine: SignatureEngine | None) -> Callable[[], object]:
    trust, now = _trust(pki), datetime.now(UTC)

    def verify() -> object:
        message = read_envelope(parse_message(octets))
        return verify_envelope(
            message,
            read_addressing(message),
            policy=DIGIPOORT_1_2,
            trust=trust,
            now=now,
            engine=engine,
        )

    return verify


def _xmlsec_row(pki: TestPki, octets: bytes) -> list[Row]:
    try:
        import xmlsec
    except ImportError:
        print("python-xmlsec is not here: its row is left out.", file=sys.stderr)
        return []
    from cryptography.hazmat.primitives.serialization import Encoding

    certificate = pki.identities["vendor-a"].certificate.public_bytes(Encoding.PEM)
    key = xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertPem)

    def verify() -> None:
        root = etree.fromstring(octets)
        context = xmlsec.SignatureContext()
        for element in root.iter():
            for name in element.attrib:
                if str(name).endswith("}Id"):
                    xmlsec.tree.add_ids(element, ["Id"])
                    context.register_id(element, "Id", str(name)[1:].partition("}")[0])
        context.key = key
        signature = xmlsec.tree.find_node(root, xmlsec.constants.NodeSignature)
        if signature is None:
            raise RuntimeError("no signature")
        context.verify(signature)

    return [Row("parse + verify, python-xmlsec (no policy, no checks)", verify)]
