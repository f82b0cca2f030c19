"""A real gateway in a process of its own, reached over mutual TLS on loopback."""

import base64
import hashlib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from digipoort_wus.contract.schema import validate
from digipoort_wus.names import BERICHTEN, DS, FOR_AGENCIES, SOAP, TYPES, WSU
from digipoort_wus.pki.identity import Identity, load_pem
from digipoort_wus.pki.testpki import keys_from, make_pki, write_pki
from digipoort_wus.soap.envelope import Envelope, read_envelope
from digipoort_wus.wss.policy import SUITE_SHA256, Suite
from digipoort_wus.wss.sign import sign_request
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from tests.conftest import CERTS_TEST
from tests.messages import aanlever_body, envelope, query_body, signed


@dataclass(frozen=True)
class Running:
    """A gateway process: where it listens and where its files are."""

    process: "subprocess.Popen[str]"
    directory: Path
    urls: tuple[str, str, str]

    def log(self) -> str:
        """Return what the gateway has logged so far."""
        return (self.directory.parent / f"{self.directory.name}.log").read_text()

    def identity(self, name: str) -> Identity:
        return load_pem(self.directory / f"{name}.pem", self.directory / f"{name}.key")

    def session(self, name: str | None = "vendor-a") -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.directory / "ca.pem")
        if name is not None:
            session.cert = (
                str(self.directory / f"{name}.pem"),
                str(self.directory / f"{name}.key"),
            )
        return session

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    @property
    def base(self) -> str:
        """The address without a path."""
        return "/".join(self.urls[0].split("/")[:3])

    def url_for(self, operation: str) -> str:
        if operation == "aanleveren":
            return self.urls[0]
        for service in FOR_AGENCIES.values():
            if operation == service.operations[0].name:
                return self.base + service.paths[0]
        mailbox = operation.startswith(("getBerichten", "getNieuweBerichten"))
        return self.urls[2] if mailbox else self.urls[1]

    def ask(
        self,
        operation: str,
        body: str,
        *,
        name: str = "vendor-a",
        suite: Suite = SUITE_SHA256,
        message_id: str | None = None,
    ) -> requests.Response:
        """Send one signed request as a party and return the raw answer."""
        root = envelope(body, name=operation, message_id=message_id)
        octets = signed(self.identity(name), root, suite=suite, created=datetime.now(UTC))
        return self.post(self.url_for(operation), octets, name=name)

    def post(
        self, url: str, octets: bytes, *, name: str | None = "vendor-a", **headers: str
    ) -> requests.Response:
        with self.session(name) as session:
            return session.post(
                url,
                data=octets,
                headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', **headers},
                timeout=30,
            )

    def submit(self, *, name: str = "vendor-a", reference: str = "ref-1") -> str:
        """File a return and return its kenmerk."""
        answer = self.ask("aanleveren", aanlever_body(reference=reference), name=name)
        assert answer.status_code == 200, answer.text
        return text_of(body_of(answer), "kenmerk")

    def statuses(self, kenmerk: str, *, name: str = "vendor-a") -> list[str]:
        """Return the status codes of a filing so far."""
        answer = self.ask(
            "getStatussenProces", query_body("getStatussenProces", kenmerk), name=name
        )
        assert answer.status_code == 200, answer.text
        found = body_of(answer).iter(f"{{{TYPES}}}statuscode")
        return [str(element.text) for element in found]

    def wait_for(self, kenmerk: str, *codes: str, seconds: float = 20) -> list[str]:
        """Poll until the last status is one of the codes, and return all of them."""
        end = time.monotonic() + seconds
        while True:
            statuses = self.statuses(kenmerk)
            if statuses and statuses[-1] in codes:
                return statuses
            assert time.monotonic() < end, statuses
            time.sleep(0.05)


def parsed(answer: "requests.Response | Answer") -> Envelope:
    return read_envelope(parse_message(answer.content))


def body_of(answer: "requests.Response | Answer") -> etree._Element:
    return parsed(answer).body_child


def text_of(element: etree._Element, name: str) -> str:
    found = next(element.iter(f"{{{TYPES}}}{name}", f"{{{BERICHTEN}}}{name}"), None)
    assert found is not None, name
    return str(found.text)


@dataclass(frozen=True)
class Answer:
    """An answer as it came over a bare connection."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def status_code(self) -> int:
        return self.status

    @property
    def text(self) -> str:
        return self.content.decode()


class Wire:
    """One TLS connection, on which a test sends whatever it likes."""

    def __init__(
        self,
        running: Running,
        name: str | None = "vendor-a",
        *,
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
        seconds: float = 30,
    ) -> None:
        # Wrapped before it is connected: otherwise ssl leaks it when the gateway dies meanwhile.
        self.socket = (context or client_context(running, name)).wrap_socket(
            socket.socket(), server_hostname="localhost", session=session
        )
        self.socket.settimeout(seconds)
        try:
            self.socket.connect(("127.0.0.1", running.port))
        except BaseException:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def answer(self, *, body: bool = True) -> Answer:
        """Read one answer, with the body that its Content-Length announces."""
        line = self._file.readline()
        assert line.startswith(b"HTTP/1."), line
        headers: dict[str, str] = {}
        while (header := self._file.readline().strip()) != b"":
            name, _, value = header.decode().partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0)) if body else 0
        return Answer(int(line.split()[1]), headers, self._file.read(length))

    def closed(self) -> bool:
        """Wait until the gateway closes; False when it sends something instead."""
        try:
            return self._file.read(1) == b""
        except (ssl.SSLError, ConnectionError):
            return True


def head(
    url: str,
    length: int | None,
    headers: Mapping[str, str | None] | None = None,
    *,
    method: str = "POST",
    version: str = "1.1",
) -> bytes:
    """Return a request's head; a header that is None is left out."""
    path = "/" + url.split("/", 3)[3]
    fields: dict[str, str | None] = {
        "Host": url.split("/")[2],
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": '""',
        "Content-Length": None if length is None else str(length),
        **(headers or {}),
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/{version}", *lines, "", ""]).encode("latin-1")


def client_context(running: Running, name: str | None = "vendor-a") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(running.directory / "ca.pem"))
    if name is not None:
        context.load_cert_chain(
            running.directory / f"{name}.pem", running.directory / f"{name}.key"
        )
    return context


def request_for(
    running: Running,
    body: str | None = None,
    *,
    name: str = "vendor-a",
    operation: str = "aanleveren",
    created: datetime | None = None,
    message_id: str | None = None,
) -> bytes:
    """Return a signed request, as it goes over the wire."""
    root = envelope(body or aanlever_body(), name=operation, message_id=message_id)
    return signed(running.identity(name), root, created=created or datetime.now(UTC))


def signed_without(identity: Identity, root: etree._Element, part: str) -> bytes:
    """Sign everything but one part: the signature is right, and covers too little."""
    sign_request(root, identity=identity, suite=SUITE_SHA256, created=datetime.now(UTC))
    element = next(root.iter(f"{{*}}{part}"))
    target = element.get(f"{{{WSU}}}Id")
    signed_info = next(root.iter(f"{{{DS}}}SignedInfo"))
    for reference in signed_info.findall(f"{{{DS}}}Reference[@URI='#{target}']"):
        signed_info.remove(reference)
    return signed_again(identity, root)


def signed_again(identity: Identity, root: etree._Element) -> bytes:
    """Make digests and SignatureValue right after a change, as the sender could."""
    by_id = {element.get(f"{{{WSU}}}Id"): element for element in root.iter()}
    for reference in root.iter(f"{{{DS}}}Reference"):
        part = by_id[str(reference.get("URI"))[1:]]
        digest = next(reference.iter(f"{{{DS}}}DigestValue"))
        digest.text = base64.b64encode(hashlib.sha256(canonicalize(part)).digest()).decode()
    value = identity.private_key.sign(
        canonicalize(next(root.iter(f"{{{DS}}}SignedInfo"))), padding.PKCS1v15(), hashes.SHA256()
    )
    next(root.iter(f"{{{DS}}}SignatureValue")).text = base64.b64encode(value).decode()
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def assert_refused(answer: requests.Response | Answer, code: str, check: str) -> str:
    """Require a complete SOAP fault with this code and this check; return its text."""
    assert answer.status_code == 500, answer.text[-400:]
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = parse_message(answer.content)
    message = read_envelope(root)
    assert message.is_fault
    detail = next(message.body_child.iter("detail"))
    validate(detail[0])
    assert (text_of(detail, "foutcode"), f"[{check}]") == (code, check_of(answer))
    assert root.nsmap["soapenv"] == SOAP
    for trace in ("Traceback", 'File "', ".py", "lxml", "Error"):
        assert trace not in answer.text
    return text_of(detail, "foutbeschrijving")


def check_of(answer: requests.Response | Answer) -> str:
    """Return the identifier of the check in a fault's text, with its brackets."""
    text = text_of(parsed(answer).body_child, "foutbeschrijving")
    start = text.find("[")
    return text[start : text.find("]", start) + 1]


def fault_of(answer: requests.Response) -> tuple[str, str]:
    """Return foutcode and foutbeschrijving of a fault answer."""
    child = body_of(answer)
    return text_of(child, "foutcode"), text_of(child, "foutbeschrijving")


def spawn(directory: Path, *arguments: str) -> Running:
    """Start a gateway and wait until it says that it is ready."""
    log_file = directory.parent / f"{directory.name}.log"
    command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0", "-v"]
    with log_file.open("a") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(directory), *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline().split()
    assert line[:1] == ["ready"], log_file.read_text()
    return Running(process, directory, (line[1], line[2], line[3]))


def end(running: Running) -> None:
    """Stop a gateway that a test started, if it still runs."""
    if running.process.poll() is None:
        running.process.terminate()
    assert running.process.stdout is not None
    running.process.stdout.close()
    running.process.wait(30)


@contextmanager
def served(directory: Path, *arguments: str) -> Iterator[Running]:
    running = spawn(directory, *arguments)
    try:
        yield running
    finally:
        end(running)


def with_pki(directory: Path, generation: str = "g1") -> Path:
    """Put a test PKI of published keys into a directory, which takes no time."""
    pki = make_pki(
        "g4" if generation == "g4" else "g1",
        now=datetime.now(UTC),
        key_source=keys_from(CERTS_TEST / generation),
    )
    write_pki(pki, directory)
    return directory


@contextmanager
def restarting(directory: Path) -> Iterator[list[Running]]:
    """Give a list of gateways on one directory, of which the last one runs."""
    running = [spawn(with_pki(directory))]
    try:
        yield running
    finally:
        for gateway in running:
            end(gateway)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One sandbox gateway for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("gateway")
    # Both engines judge every request of these tests, and must agree.
    config = folder / "both.toml"
    config.write_text('[security]\nsignature_engine = "both"\n')
    with served(with_pki(folder / "data"), "--config", str(config)) as running:
        yield running
        assert running.process.poll() is None, "the gateway died during the tests"
