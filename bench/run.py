"""Print what the gateway costs, beside the cryptography that nobody can avoid.

Usage: python -m bench.run [--quick]

The floor is one RSA-2048 signature and one verification, measured in the same
run: what an exchange costs any implementation. Times are CPU times, medians of
slices taken in turn; compare the ratios, not the milliseconds.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

import cryptography
from cryptography import x509
from cryptography.hazmat.backends.openssl.backend import backend
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from bench.measure import Measured, in_turn, markdown, reset_peak, use_of
from digipoort_wus.clock import system_clock
from digipoort_wus.contract.services import make_applications
from digipoort_wus.names import AANLEVER, WSA_ANONYMOUS
from digipoort_wus.pki.chain import CachingVerifier, VerifiedCertificate
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki, write_pki
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

ROOT = Path(__file__).resolve().parent.parent
CONTENT = b"<x>" + b"Omzetbelasting " * 650 + b"</x>"
"""About 10 kB, as a filing usually has."""
FLOOR = "RSA-2048 sign + verify (the floor)"


def main() -> None:
    """Run all benchmarks and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run?")
    quick = parser.parse_args().quick
    pki = make_pki("g1", now=datetime.now(UTC), key_source=keys_from(ROOT / "certs-test" / "g1"))
    print(machine(), end="\n\n")
    with tempfile.TemporaryDirectory() as scratch:
        _in_process(pki, Path(scratch), rounds=3 if quick else 25)
        _over_the_wire(pki, Path(scratch), filings=300 if quick else 3_000)


def machine() -> str:
    """Return one line about hardware and versions."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{os.cpu_count()} cores, {model}; Python {platform.python_version()}, lxml "
        f"{etree.__version__}, cryptography {cryptography.__version__}, "
        f"{backend.openssl_version_text()}"
    )


def _in_process(pki: TestPki, scratch: Path, *, rounds: int) -> None:
    works = {**_floors(pki), **_parts(pki)}
    with _exchange(pki, scratch / "exchange", 100 * rounds + 200) as exchange:
        works["whole aanleveren of 10 kB: gate, XSD, Spyne, commit, signed answer"] = exchange
        measured = in_turn(works, rounds=rounds)
    _print(measured, note="in process, CPU of one exchange")


def _print(measured: dict[str, Measured], *, note: str) -> None:
    floor = measured[FLOOR].median
    rows = [
        (name, f"{one.median * 1000:.3f}", f"{1 / one.median:,.0f}", f"{one.median / floor:.2f}")
        for name, one in measured.items()
    ]
    print(markdown((note, "median ms", "per CPU second", "floors"), rows), end="\n\n")


def _floors(pki: TestPki) -> dict[str, Callable[[], object]]:
    small, large = pki.identities["vendor-a"].private_key, pki.identities["vendor-b"].private_key
    request = _request(pki, CONTENT)
    root = parse_message(request)
    body = root[-1]
    return {
        FLOOR: lambda: _rsa(small),
        "RSA-3072 sign + verify": lambda: _rsa(large),
        "RSA-2048 sign": lambda: _rsa_sign(small),
        "parse 10 kB": lambda: etree.fromstring(request),
        "c14n of its Body": lambda: canonicalize(body),
        "SHA-256 of 10 kB": lambda: hashlib.sha256(CONTENT).digest(),
    }


def _rsa_sign(key: rsa.RSAPrivateKey) -> bytes:
    return key.sign(b"x" * 2_000, padding.PKCS1v15(), hashes.SHA256())


def _rsa(key: rsa.RSAPrivateKey) -> None:
    value = _rsa_sign(key)
    key.public_key().verify(value, b"x" * 2_000, padding.PKCS1v15(), hashes.SHA256())


def _parts(pki: TestPki) -> dict[str, Callable[[], object]]:
    request = _request(pki, CONTENT)
    child = etree.fromstring(f"<r xmlns='{AANLEVER.namespace}'><kenmerk>{uuid4()}</kenmerk></r>")
    headers = (("To", WSA_ANONYMOUS), ("MessageID", "urn:uuid:1"), ("RelatesTo", "urn:uuid:2"))

    def sign() -> bytes:
        return signed_answer(
            headers,
            child,
            identity=pki.identities["gateway-signing"],
            suite=SUITE_SHA256,
            created=system_clock(),
        )

    works: dict[str, Callable[[], object]] = {
        "parse + verify, native": _verifier(pki, request, None),
        "parse + verify, signxml": _verifier(pki, request, verify_signature_signxml),
        "sign an answer (template)": sign,
    }
    xmlsec = _xmlsec_verifier(pki, request)
    if xmlsec is not None:
        works["parse + verify, python-xmlsec"] = xmlsec
    return works


def _verifier(pki: TestPki, request: bytes, engine: SignatureEngine | None) -> Callable[[], object]:
    trust = _trust(pki)
    now = datetime.now(UTC)

    def verify() -> object:
        message = read_envelope(parse_message(request))
        return verify_envelope(
            message,
            read_addressing(message),
            policy=DIGIPOORT_1_2,
            trust=trust,
            now=now,
            engine=engine,
        )

    return verify


def _xmlsec_verifier(pki: TestPki, request: bytes) -> Callable[[], object] | None:
    try:
        import xmlsec
    except ImportError:
        print("python-xmlsec is not here: its row is left out.", file=sys.stderr)
        return None
    from cryptography.hazmat.primitives.serialization import Encoding

    certificate = pki.identities["vendor-a"].certificate.public_bytes(Encoding.PEM)
    key = xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertPem)

    def verify() -> None:
        root = etree.fromstring(request)
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

    return verify


def _trust(pki: TestPki) -> Callable[[x509.Certificate, datetime], VerifiedCertificate]:
    verifier = CachingVerifier(pki.trust_store())
    return lambda certificate, at: verifier(certificate, (), Role.SIGNER, at)


@contextmanager
def _exchange(pki: TestPki, directory: Path, exchanges: int) -> Iterator[Callable[[], object]]:
    """Give one whole exchange, answered after its commit; every request is a new message."""
    with open_sqlite(directory) as store, ThreadPoolExecutor(1) as executor:
        process = ProcessService(
            store=store,
            house=House(sandbox_routes()),
            clock=system_clock,
            new_id=lambda: str(uuid4()),
            executor=executor,
        )
        applications = make_applications(process)
        gate = Gate(
            policy=DIGIPOORT_1_2,
            trust=_trust(pki),
            identity=pki.identities["gateway-signing"],
            clock=system_clock,
            new_message_id=lambda: f"urn:uuid:{uuid4()}",
        )
        head = Head("POST", AANLEVER.paths[0], "", {"content-type": "text/xml"})
        prepared = [_request(pki, CONTENT) for _ in range(exchanges)]

        def exchange() -> object:
            opened = open_request(gate, AANLEVER, HttpRequest(head, prepared.pop()))
            if not isinstance(opened, Opened):
                raise RuntimeError(str(opened.refusal))
            future = call(
                applications[AANLEVER.name], opened.body_child, opened.caller, opened.parts
            )
            return answer(gate, opened, future.result())

        yield exchange


def _request(pki: TestPki, content: bytes) -> bytes:
    root = envelope(aanlever_body(content))
    return signed(pki.identities["vendor-a"], root, created=datetime.now(UTC))


def _over_the_wire(pki: TestPki, scratch: Path, *, filings: int) -> None:
    directory = scratch / "data"
    write_pki(pki, directory)
    floor = in_turn({FLOOR: lambda: _rsa(pki.identities["vendor-a"].private_key)}, rounds=9)[FLOOR]
    with _served(directory) as (process, url):
        _send(url, directory, _files(pki, scratch / "warm", [CONTENT] * 50), connections=2)
        idle = _settled(process.pid)
        files = _files(pki, scratch / "small", [CONTENT] * filings)
        before = use_of(process.pid)
        result = _send(url, directory, files, connections=4)
        answered = use_of(process.pid)
        _settled(process.pid)
        done = use_of(process.pid)
        rows: list[tuple[str, ...]] = [
            (
                "10 kB",
                f"{result['per_second']:.0f}",
                f"{result['median_ms']:.1f}",
                f"{result['p99_ms']:.1f}",
                f"{(answered.cpu - before.cpu) / filings * 1000:.2f}",
                f"{(done.cpu - before.cpu) / filings / floor.median:.1f}",
                f"{(answered.peak - idle) / 1e6:.0f}",
            )
        ]
        for name, size in (("1 MB", 1_000_000), ("20 MiB", 20_971_520)):
            content = b"<x>" + b"a" * (size - 7) + b"</x>"
            number = 5 if size > 1_000_000 else 40
            rows.append(_large(pki, scratch, process.pid, url, name, [content] * number, floor))
    header = (
        "over keep-alive mutual TLS",
        "filings/s",
        "median ms",
        "p99 ms",
        "server CPU ms until answered",
        "floors until status 500",
        "peak MB above idle",
    )
    print(markdown(header, rows), end="\n\n")


def _large(
    pki: TestPki,
    scratch: Path,
    pid: int,
    url: str,
    name: str,
    contents: Sequence[bytes],
    floor: Measured,
) -> tuple[str, ...]:
    files = _files(pki, scratch / name, contents)
    idle = _settled(pid)
    before = use_of(pid)
    result = _send(url, scratch / "data", files, connections=1)
    answered = use_of(pid)
    _settled(pid)
    done = use_of(pid)
    return (
        name,
        f"{result['per_second']:.1f}",
        f"{result['median_ms']:.0f}",
        f"{result['p99_ms']:.0f}",
        f"{(answered.cpu - before.cpu) / len(contents) * 1000:.0f}",
        f"{(done.cpu - before.cpu) / len(contents) / floor.median:.0f}",
        f"{(answered.peak - idle) / 1e6:.0f}",
    )


def _settled(pid: int) -> int:
    """Wait until the process does nothing, forget its peak, and return its resident bytes."""
    last, end = -1.0, monotonic() + 120
    while (cpu := use_of(pid).cpu) > last and monotonic() < end:
        last = cpu
        sleep(0.5)
    resident = use_of(pid).resident
    reset_peak(pid)
    return resident


def _files(pki: TestPki, directory: Path, contents: Sequence[bytes]) -> Path:
    directory.mkdir()
    for number, content in enumerate(contents):
        (directory / f"{number:06d}.xml").write_bytes(_request(pki, content))
    return directory


@contextmanager
def _served(directory: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run a gateway on the first core; the load comes from the other one."""
    command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(directory)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),
    ) as process:
        try:
            if process.stdout is None or not (line := process.stdout.readline().split()):
                raise RuntimeError("the gateway did not start")
            yield process, line[1]
        finally:
            process.terminate()


def _send(url: str, directory: Path, files: Path, *, connections: int) -> dict[str, float]:
    host, _, port = url.split("/")[2].partition(":")
    path = "/" + url.split("/", 3)[3]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.load", host, port, path, str(directory)),
            *(str(connections), str(files)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if result["ok"] != result["requests"]:
        raise RuntimeError(f"{result['requests'] - result['ok']:.0f} requests were not accepted")
    return result


if __name__ == "__main__":
    main()
