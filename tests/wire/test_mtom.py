"""MTOM over real mutual TLS: the same filing as inline, or a refusal that costs nothing."""

import base64
import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import zeep
from lxml import etree

from digipoort_wus import limits
from digipoort_wus.filing.content import read_content
from digipoort_wus.names import TYPES
from digipoort_wus.store.looking import look
from digipoort_wus.store.reader import Reader
from digipoort_wus.wss.policy import SUITE_SHA1, SUITE_SHA256, Suite
from tests.messages import XBRL, aanlever_body, envelope, query_body, signed
from tests.packages import BOUNDARY, ROOT_TYPE, XOP, Package, Part, package_of
from tests.wire.conftest import (
    Running,
    assert_refused,
    body_of,
    request_for,
    served,
    text_of,
    with_pki,
)

PDF = b"%PDF-1.7\r\n" + bytes(range(256)) * 8


def with_attachment(content: bytes = XBRL, attachment: bytes = PDF) -> str:
    """Return a filing with a content and an attachment."""
    text = base64.b64encode(attachment).decode()
    return aanlever_body(content).replace(
        "</t:berichtInhoud>",
        "</t:berichtInhoud><t:berichtBijlagen><t:bijlage><t:mimeType>application/pdf</t:mimeType>"
        f"<t:bestandsnaam>b.pdf</t:bestandsnaam><t:inhoud>{text}</t:inhoud></t:bijlage>"
        "</t:berichtBijlagen>",
    )


def send(running: Running, package: Package, *, url: str | None = None) -> requests.Response:
    return running.post(
        url or running.urls[0], package.body, **{"Content-Type": package.content_type}
    )


def filed(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text[-400:]
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    return text_of(body_of(answer), "kenmerk")


def stored(running: Running, kenmerk: str) -> list[tuple[str, bytes]]:
    """Return file name and SHA-256 of all documents of a filing."""

    def work(reader: Reader) -> list[tuple[str, bytes]]:
        (row,) = reader.filings_of(kenmerk)
        delivery = reader.filing(row.filing_id).delivery
        return [
            (each.file_name, hashlib.sha256(read_content(each.content)).digest())
            for each in (delivery.document, *delivery.attachments)
        ]

    return look(running.directory, work)


@pytest.mark.parametrize("suite", [SUITE_SHA256, SUITE_SHA1], ids=lambda suite: suite.name)
@pytest.mark.parametrize("size", [3, 100_000], ids=["small", "large"])
def test_the_same_filing_inline_and_as_a_package(gateway: Running, suite: Suite, size: int) -> None:
    content, attachment = os.urandom(size), os.urandom(size + 1)
    expected = [
        ("Omzetbelasting.xbrl", hashlib.sha256(content).digest()),
        ("b.pdf", hashlib.sha256(attachment).digest()),
    ]
    found = []
    for optimise in (False, True):
        root = envelope(with_attachment(content, attachment))
        octets = signed(gateway.identity("vendor-a"), root, suite=suite, created=datetime.now(UTC))
        package = package_of(octets)
        assert len(package.parts) == 3
        answer = send(gateway, package) if optimise else gateway.post(gateway.urls[0], octets)
        found.append(stored(gateway, filed(answer)))
        # The other form of the very same message is a repeat of it, not a second filing.
        again = gateway.post(gateway.urls[0], octets) if optimise else send(gateway, package)
        assert filed(again) == filed(answer)
    assert found == [expected, expected]


def test_one_content_inline_and_one_as_a_part(gateway: Running) -> None:
    large = os.urandom(100_000)
    for contents in ((large, PDF), (PDF, large)):
        package = package_of(request_for(gateway, with_attachment(*contents)))
        root = etree.fromstring(package.parts[0].content)
        first = next(root.iter(f"{{{TYPES}}}inhoud"))
        first.remove(first[0])
        first.text = base64.b64encode(contents[0]).decode()
        mixed = Package((root_of(package, etree.tostring(root)), package.parts[2]))
        assert [digest for _, digest in stored(gateway, filed(send(gateway, mixed)))] == [
            hashlib.sha256(content).digest() for content in contents
        ]


def root_of(package: Package, content: bytes) -> Part:
    return replace(package.parts[0], content=content)


def test_the_token_may_be_a_part_too(gateway: Running) -> None:
    """CXF and WCF send it so."""
    package = package_of(request_for(gateway), also=["BinarySecurityToken"])
    assert len(package.parts) == 3
    filed(send(gateway, package))


def test_an_empty_content(gateway: Running) -> None:
    package = package_of(request_for(gateway, aanlever_body(b"")))
    assert package.parts[1].content == b""
    assert stored(gateway, filed(send(gateway, package)))[0][1] == hashlib.sha256().digest()


def test_fifty_parts(gateway: Running) -> None:
    def body(attachments: int) -> str:
        return aanlever_body().replace(
            "</t:berichtInhoud>",
            "</t:berichtInhoud><t:berichtBijlagen>"
            + "<t:bijlage><t:mimeType>a/b</t:mimeType><t:bestandsnaam>b</t:bestandsnaam>"
            "<t:inhoud>QUJD</t:inhoud></t:bijlage>" * attachments + "</t:berichtBijlagen>",
        )

    fits = package_of(request_for(gateway, body(limits.MTOM_MAX_PARTS - 1)))
    assert len(stored(gateway, filed(send(gateway, fits)))) == limits.MTOM_MAX_PARTS
    more = package_of(request_for(gateway, body(limits.MTOM_MAX_PARTS)))
    assert_refused(send(gateway, more), "ALS100", "MIME-LIMIT")


def test_a_fault_is_text_xml(gateway: Running) -> None:
    package = package_of(request_for(gateway, aanlever_body(berichtsoort="Onbekend")))
    assert_refused(send(gateway, package), "ALS120", "BERICHTSOORT-KNOWN")


@pytest.mark.parametrize("name", ["getStatussenProces", "getBerichten"])
def test_only_filings_are_taken_as_packages(gateway: Running, name: str) -> None:
    octets = request_for(gateway, query_body(name), operation=name)
    answer = send(gateway, package_of(octets), url=gateway.url_for(name))
    assert answer.status_code == 415
    assert answer.text.startswith("[HTTP-CONTENT-TYPE]")


HREF = b"cid:1-of-many@example.nl"


def in_envelope(old: bytes, new: bytes) -> Callable[[Package], Package]:
    def change(package: Package) -> Package:
        content = package.parts[0].content
        assert old in content
        return package.with_part(0, root_of(package, content.replace(old, new)))

    return change


def part(**changes: object) -> Callable[[Package], Package]:
    """Change the first part behind the envelope."""
    return lambda package: package.with_part(
        1,
        replace(package.parts[1], **changes),  # type: ignore[arg-type]
    )


def more(*parts: Part, **parameters: str) -> Callable[[Package], Package]:
    return lambda package: replace(package, parts=(*package.parts, *parts), parameters=parameters)


def swapped(package: Package) -> Package:
    root, first, second = package.parts
    return replace(
        package,
        parts=(
            root,
            replace(first, content=second.content),
            replace(second, content=first.content),
        ),
    )


INCLUDE = f'<xop:Include xmlns:xop="{XOP}" href="{HREF.decode()}"/>'.encode()
ID = ("Content-ID", f"<{HREF.decode()[4:]}>")
ATTACKS: dict[str, tuple[Callable[[Package], Package], str, str]] = {
    "part altered": (part(content=XBRL + b" "), "ALS110", "WSS-DIGEST"),
    "part empty": (part(content=b""), "ALS110", "WSS-DIGEST"),
    "parts swapped": (swapped, "ALS110", "WSS-DIGEST"),
    "base64 in a part": (part(content=base64.b64encode(XBRL)), "ALS110", "WSS-DIGEST"),
    "gzip in a part": (part(content=gzip.compress(XBRL)), "ALS110", "WSS-DIGEST"),
    "gzip announced": (
        part(content=gzip.compress(XBRL), headers=(ID, ("Content-Encoding", "gzip"))),
        "ALS100",
        "MIME-FORM",
    ),
    "base64 announced": (
        part(
            content=base64.b64encode(XBRL),
            headers=(ID, ("Content-Transfer-Encoding", "base64")),
        ),
        "ALS100",
        "MIME-FORM",
    ),
    "dangling cid": (in_envelope(HREF, b"cid:nothing"), "ALS100", "XOP-INCLUDE"),
    "http": (in_envelope(HREF, b"http://127.0.0.1:9/"), "ALS100", "XOP-INCLUDE"),
    "file": (in_envelope(HREF, b"file:///etc/passwd"), "ALS100", "XOP-INCLUDE"),
    "ftp": (in_envelope(HREF, b"ftp://127.0.0.1/"), "ALS100", "XOP-INCLUDE"),
    "the other's cid": (in_envelope(HREF, b"cid:2-of-many@example.nl"), "ALS100", "XOP-INCLUDE"),
    "text beside": (in_envelope(INCLUDE, b"QUJD" + INCLUDE), "ALS100", "XOP-INCLUDE"),
    "element beside": (in_envelope(INCLUDE, INCLUDE + b"<x/>"), "ALS100", "XOP-INCLUDE"),
    "child": (
        in_envelope(INCLUDE, INCLUDE[:-2] + b"><x/></xop:Include>"),
        "ALS100",
        "XOP-INCLUDE",
    ),
    "include in a kenmerk": (
        in_envelope(b">ref-1<", b">" + INCLUDE + b"<"),
        "ALS100",
        "XOP-INCLUDE",
    ),
    "include in a wsa header": (
        in_envelope(b"</a:To>", INCLUDE + b"</a:To>"),
        "ALS100",
        "XOP-INCLUDE",
    ),
    "include in the signature": (
        in_envelope(b"</ds:SignatureValue>", INCLUDE + b"</ds:SignatureValue>"),
        "ALS100",
        "XOP-INCLUDE",
    ),
    "include behind the Body": (
        in_envelope(b"</s:Body>", b"</s:Body>" + INCLUDE),
        "ALS100",
        "SOAP-STRUCTURE",
    ),
    "unreferenced part": (more(Part("other@b", b"x")), "ALS100", "MIME-FORM"),
    "same Content-ID": (more(Part(ID[1][1:-1], XBRL)), "ALS100", "MIME-FORM"),
    "nested package": (part(content_type="multipart/mixed; boundary=x"), "ALS100", "MIME-FORM"),
    "two envelopes": (
        lambda package: more(Part("other@b", package.parts[0].content, ROOT_TYPE))(package),
        "ALS100",
        "MIME-FORM",
    ),
    "start names nothing": (more(start="<nothing@b>"), "ALS100", "MIME-FORM"),
    "start names a part": (more(start=ID[1]), "ALS100", "MIME-FORM"),
    "boundary inside a part": (
        part(content=b"\r\n--" + BOUNDARY.encode() + b"x"),
        "ALS100",
        "MIME-FORM",
    ),
    "other boundary": (more(boundary="other"), "ALS100", "MIME-FORM"),
    "10,000 parts": (
        more(*(Part(f"{number}@b", b"") for number in range(10_000))),
        "ALS100",
        "MIME-LIMIT",
    ),
    "a header of a megabyte": (
        part(content_type="a/" + "b" * 1_000_000),
        "ALS100",
        "MIME-LIMIT",
    ),
    "doctype": (
        in_envelope(b"<s:Envelope", b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><s:Envelope'),
        "ALS100",
        "XML-DOCTYPE",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(gateway: Running, name: str) -> None:
    change, code, check = ATTACKS[name]
    package = change(package_of(request_for(gateway, with_attachment())))
    text = assert_refused(send(gateway, package), code, check)
    assert "passwd" not in text


HEADS: dict[str, dict[str, str | None]] = {
    "no boundary": {"boundary": None},
    "with attachments": {"type": "text/xml"},
    "no type": {"type": None},
    "SOAP 1.2": {"start-info": "application/soap+xml"},
    "start without brackets": {"start": "a@b"},
}


@pytest.mark.parametrize("name", HEADS)
def test_other_kinds_of_multipart(gateway: Running, name: str) -> None:
    package = replace(package_of(request_for(gateway)), parameters=HEADS[name])
    answer = send(gateway, package)
    assert answer.status_code == 415
    assert answer.text.startswith("[HTTP-CONTENT-TYPE]")


@pytest.mark.parametrize("cut", [1, 10, 100, 1_000])
def test_cut_off(gateway: Running, cut: int) -> None:
    package = package_of(request_for(gateway))
    body = package.body.removesuffix(b"\r\n")[:-cut]
    answer = gateway.post(gateway.urls[0], body, **{"Content-Type": package.content_type})
    assert_refused(answer, "ALS100", "MIME-FORM")


def test_an_include_without_a_package(gateway: Running) -> None:
    package = package_of(request_for(gateway))
    answer = gateway.post(gateway.urls[0], package.parts[0].content)
    # An element where text must be, and no longer what was signed.
    assert_refused(answer, "ALS110", "WSS-DIGEST")


def test_a_reference_that_was_signed_is_not_its_part(gateway: Running) -> None:
    """Who signs the Include instead of the octets has not signed the octets."""
    package = package_of(request_for(gateway))
    root = etree.fromstring(package.parts[0].content)
    body = etree.tostring(next(root.iter(f"{{{TYPES}}}aanleverRequest"))).decode()
    resigned = request_for(gateway, body)
    assert b"Include" in resigned
    answer = send(gateway, package.with_part(0, root_of(package, resigned)))
    assert_refused(answer, "ALS110", "WSS-DIGEST")


def test_the_description_offers_mtom_and_zeep_reads_it(gateway: Running) -> None:
    with gateway.session() as session:
        transport = zeep.Transport(session=session)  # type: ignore[no-untyped-call]
        client = zeep.Client(f"{gateway.urls[0]}?wsdl", transport=transport)  # type: ignore[no-untyped-call]
        assert "aanleveren" in client.service._operations
        offered = b"OptimizedMimeSerialization"
        assert offered in session.get(f"{gateway.urls[0]}?wsdl", timeout=30).content
        for url in gateway.urls[1:]:
            assert offered not in session.get(f"{url}?wsdl", timeout=30).content


# --- What it costs ------------------------------------------------------------------

MEGABYTES = 1024 * 1024


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with the native engine alone, whose memory is measured."""
    directory = with_pki(tmp_path_factory.mktemp("native") / "data")
    with served(directory) as running:
        yield running


def memory(running: Running, name: str) -> int:
    """Return VmRSS or VmHWM of the gateway, in bytes."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def cpu(running: Running) -> float:
    """Return the CPU time that the gateway has used, in seconds."""
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_twenty_megabytes(native: Running) -> None:
    content = os.urandom(limits.INHOUD_MAX_BYTES)
    native.submit()
    package = package_of(request_for(native, aanlever_body(content)))
    assert len(package.body) > limits.INHOUD_MAX_BYTES
    idle, before = memory(native, "VmRSS"), cpu(native)
    kenmerk = filed(send(native, package))
    assert stored(native, kenmerk)[0][1] == hashlib.sha256(content).digest()
    # The body twice, for the moment in which its parts are copied, and what TLS needs.
    assert memory(native, "VmHWM") - idle < 120 * MEGABYTES
    assert cpu(native) - before < 5


def test_one_byte_too_many(native: Running) -> None:
    content = bytes(limits.INHOUD_MAX_BYTES + 1)
    package = package_of(request_for(native, aanlever_body(content)))
    assert_refused(send(native, package), "ALS100", "XSD-INHOUD-SIZE")


def test_a_package_over_the_wire_limit(native: Running) -> None:
    package = part(content=bytes(limits.WIRE_MAX_BYTES))(package_of(request_for(native)))
    answer = send(native, package)
    assert answer.status_code == 413
