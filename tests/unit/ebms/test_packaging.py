"""Packages: as others write them, as we write them, and without copies of large payloads."""

import email.policy
import hashlib
import quopri
import tracemalloc
from email.message import MIMEPart
from io import BytesIO
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digipoort_wus import limits
from digipoort_wus.ebms.contents import Base64Content, JoinedContent, ViewContent, joined
from digipoort_wus.ebms.message import ManifestReference, Payload
from digipoort_wus.ebms.packaging import (
    Package,
    WrittenPackage,
    listed_payloads,
    read_package,
    write_package,
)
from digipoort_wus.ebms.quirks import Quirks, SignalPackage, TransferEncoding
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import Content, read_content, size_of
from tests import ebms_messages as m
from tests.ebms_messages import MimePart, payload_part, root_part

ENVELOPE = m.BUSINESS.encode()
UNIQUE = "0f6d8a52-7c1e-4b39-9d4e-2a5b8c7d6e1f"


def only(package: Package) -> Payload:
    (payload,) = package.parts
    return payload


# --- Reading ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_the_usual_package(kind: type) -> None:
    body, content_type = m.package()
    package = read_package(kind(body), content_type)
    assert package.envelope == ENVELOPE
    assert only(package) == Payload(m.PAYLOAD_ID, "application/xml", m.PAYLOAD)


@pytest.mark.parametrize(
    "content_type",
    ["text/xml", "text/xml; charset=UTF-8", 'Text/XML;charset="utf-8"', "text/xml; charset=utf8;"],
)
def test_an_envelope_alone(content_type: str) -> None:
    assert read_package(ENVELOPE, content_type) == Package(ENVELOPE)
    assert read_package(memoryview(ENVELOPE), content_type) == Package(ENVELOPE)


def test_a_signal_in_a_package() -> None:
    signal = m.SIGNALS_SENT["Ping"]
    assert read_package(m.body_of([root_part(signal)]), m.content_type()) == Package(
        signal.encode()
    )


def test_start_finds_the_envelope_wherever_it_stands() -> None:
    body = m.body_of([payload_part(), root_part()])
    package = read_package(body, m.content_type())
    assert package.envelope == ENVELOPE
    assert only(package).content == m.PAYLOAD


BINARY = ("Content-Transfer-Encoding", "binary")
SHAPES: dict[str, tuple[bytes, str]] = {
    "hermes: no start, no @, headers in other capitals": (
        m.body_of(
            [
                MimePart(
                    (
                        ("Content-type", "text/xml; charset=UTF-8"),
                        ("Content-Id", "<soappart>"),
                        ("X_Mailer.1", "of somebody"),
                    ),
                    ENVELOPE,
                ),
                payload_part(),
            ],
            boundary="----=_Part_0_123.456",
        ),
        'multipart/related; type="text/xml"; \tboundary="----=_Part_0_123.456"',
    ),
    "ebms-core: start-info, a name, binary": (
        m.body_of(
            [
                root_part(),
                payload_part(
                    more=(
                        BINARY,
                        ("Content-Disposition", 'attachment; filename="aangifte.xml"'),
                    )
                ),
            ],
        ),
        m.content_type() + '; start-info="text/xml"',
    ),
    "nav: base64 in all parts, also in the envelope": (
        m.body_of(
            [
                MimePart(
                    (
                        ("Content-Type", 'text/xml; charset="UTF-8"'),
                        ("Content-ID", f"<{m.ROOT}>"),
                        ("Content-Transfer-Encoding", "BASE64"),
                    ),
                    m.base64_part(ENVELOPE).octets,
                ),
                m.base64_part(),
            ]
        ),
        m.content_type(),
    ),
    "an envelope without a Content-ID": (
        m.body_of([MimePart((("Content-Type", "text/xml"),), ENVELOPE), payload_part()]),
        m.content_type(start=None),
    ),
    "a text before and a text behind": (
        b"This is a message in several parts.\r\n" + m.package()[0] + b"\r\nThe end\r\n",
        m.content_type(),
    ),
    "an empty line before, and none behind": (
        b"\r\n" + m.package()[0].removesuffix(b"\r\n"),
        m.content_type(),
    ),
    "a start without brackets": (m.package()[0], m.content_type(start=m.ROOT)),
    "Content-IDs without brackets": (
        m.body_of([root_part(content_id=m.ROOT), payload_part(content_id=m.PAYLOAD_ID)]),
        m.content_type(),
    ),
    "a type without quotes": (
        m.package()[0],
        m.content_type().replace('"text/xml"', "text/xml"),
    ),
    "a type without quotes at the end": (
        m.package()[0],
        m.content_type().replace(' type="text/xml";', "") + "; TYPE=Text/XML ",
    ),
    "no type": (m.package()[0], m.content_type().replace(' type="text/xml";', "")),
    "folded headers": (
        m.package()[0].replace(b"Content-ID: ", b"Content-ID:\r\n\t"),
        m.content_type(),
    ),
    "7bit": (
        m.body_of([root_part(), payload_part(more=(("Content-Transfer-Encoding", "7bit"),))]),
        m.content_type(),
    ),
    "quoted-printable": (
        m.body_of(
            [
                root_part(),
                payload_part(
                    quopri.encodestring(m.PAYLOAD).replace(b"\n", b"\r\n"),
                    more=(("Content-Transfer-Encoding", "quoted-printable"),),
                ),
            ]
        ),
        m.content_type(),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_other_products(shape: str) -> None:
    package = read_package(*SHAPES[shape])
    assert package.envelope == ENVELOPE
    assert only(package).content == m.PAYLOAD


def test_a_payload_that_is_a_package_is_octets() -> None:
    inner = b"--i\r\nContent-ID: <0>\r\n\r\nx\r\n--i--"
    part = payload_part(inner, media_type='multipart/mixed; boundary="i"')
    payload = only(read_package(m.body_of([root_part(), part]), m.content_type()))
    assert payload.content == inner
    assert payload.media_type == 'multipart/mixed; boundary="i"'


def test_as_many_parts_as_may_be() -> None:
    number = limits.EBMS_MAX_PARTS
    parts = [payload_part(b"", f"<{each}@example.nl>") for each in range(number)]
    package = read_package(m.body_of([root_part(), *parts]), m.content_type())
    assert len(package.parts) == number


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="aangifte.xml"', "aangifte.xml"),
        ("attachment; filename=aangifte.xml", "aangifte.xml"),
        ('attachment; FileName="a \\"b\\".xml"', 'a "b".xml'),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\map\\\\a.xml"', "a.xml"),
        ("attachment; filename*=UTF-8''jaarrekening%20%C3%A9.xml", "jaarrekening é.xml"),
        ("attachment; filename=\"e.xml\"; filename*=UTF-8''%C3%A9.xml", "é.xml"),
        ('attachment; filename="é.xml"', "é.xml"),
        ("attachment; filename*=UTF-8''a%2Fb%0A.xml", None),
        ('attachment; filename=".."', None),
        ('attachment; filename=""', None),
        (f'attachment; filename="{"x" * 300}"', None),
        ("attachment", None),
    ],
)
def test_the_name_of_a_file(disposition: str, name: str | None) -> None:
    part = payload_part(more=(("Content-Disposition", disposition),))
    assert only(read_package(m.body_of([root_part(), part]), m.content_type())).name == name


def test_payloads_come_in_the_order_of_the_manifest() -> None:
    parts = tuple(Payload(name, "text/plain", b"") for name in ("a", "b c", "c"))
    manifest = tuple(map(ManifestReference, ("b c", "c", "a")))
    assert [each.content_id for each in listed_payloads(manifest, parts)] == ["b c", "c", "a"]


def test_a_large_payload_stays_where_it_came() -> None:
    octets = bytes(range(256)) * 40_000
    body = m.body_of([root_part(), payload_part(octets)])
    tracemalloc.start()
    try:
        payload = only(read_package(body, m.content_type()))
        assert payload.content.__class__ is ViewContent
        assert size_of(payload.content) == len(octets)
        with payload.content.open() as source:
            digest = hashlib.file_digest(source, "sha256")  # type: ignore[arg-type]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert digest.digest() == hashlib.sha256(octets).digest()
    assert most < len(octets) // 10
    assert read_content(payload.content) == octets


@pytest.mark.parametrize("behind", [b"", b"\r\n", b"\r\n" * 700_000])
@pytest.mark.parametrize("size", [0, 1, 786_432, 1_500_001])
def test_base64_of_any_length(size: int, behind: bytes) -> None:
    """In lines, so that groups of four are not where the pieces end that it is read in."""
    octets = (bytes(range(256)) * (size // 256 + 1))[:size]
    written = m.base64_part(octets)
    part = MimePart(written.headers, written.octets + behind)
    found = only(read_package(m.body_of([root_part(), part]), m.content_type()))
    assert read_content(found.content) == octets


# --- Writing ------------------------------------------------------------------------

QUIRKS = [Quirks(transfer_encoding=each) for each in TransferEncoding]
IDS = st.lists(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<>"),
        min_size=1,
        max_size=30,
    ),
    unique=True,
    max_size=4,
)
NAMES = st.none() | st.text(min_size=1, max_size=40).map(str.strip).filter(
    lambda name: bool(name.strip(".")) and name.isprintable() and not set(name) & set("/\\")
)


@settings(max_examples=60, deadline=None)
@given(st.data(), IDS, st.sampled_from(QUIRKS))
def test_what_is_written_reads_back(data: st.DataObject, ids: list[str], quirks: Quirks) -> None:
    payloads = tuple(
        Payload(
            each,
            data.draw(st.sampled_from(["application/pdf", 'text/plain; charset="utf-8"'])),
            data.draw(st.binary(max_size=200)),
            data.draw(NAMES),
        )
        for each in ids
    )
    written = write_package(ENVELOPE, payloads, unique=UNIQUE, quirks=quirks)
    octets = read_content(written.content)
    assert size_of(written.content) == len(octets)
    assert read_package(octets, written.content_type) == Package(ENVELOPE, payloads)


def test_an_envelope_alone_is_no_package() -> None:
    assert write_package(ENVELOPE, (), unique=UNIQUE) == WrittenPackage(
        "text/xml; charset=UTF-8", ENVELOPE
    )


def test_a_signal_in_a_package_for_who_wants_that() -> None:
    quirks = Quirks(signal_package=SignalPackage.MULTIPART)
    written = write_package(ENVELOPE, (), unique=UNIQUE, quirks=quirks)
    assert read_package(read_content(written.content), written.content_type) == Package(ENVELOPE)
    assert written.content_type.startswith("multipart/related; ")


def test_the_same_octets_each_time() -> None:
    payloads = (Payload("a@b", "text/plain", b"x"),)
    first, second = (write_package(ENVELOPE, payloads, unique=UNIQUE) for _ in range(2))
    assert first == second


def test_the_mail_library_reads_what_is_written() -> None:
    payloads = (
        Payload("a@b", "application/octet-stream", bytes(range(256)), "a b.bin"),
        Payload("c@d", "application/pdf", b"%PDF", "é.pdf"),
    )
    quirks = Quirks(transfer_encoding=TransferEncoding.BASE64)
    written = write_package(ENVELOPE, payloads, unique=UNIQUE, quirks=quirks)
    head = f"MIME-Version: 1.0\r\nContent-Type: {written.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(
        head + read_content(written.content), policy=email.policy.HTTP
    )
    root, *others = cast(list[MIMEPart], list(message.iter_parts()))
    assert root["Content-ID"] == message["Content-Type"].params["start"]
    assert [(each["Content-ID"], each.get_content(), each.get_filename()) for each in others] == [
        ("<a@b>", bytes(range(256)), "a b.bin"),
        ("<c@d>", b"%PDF", "é.pdf"),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        Payload("", "text/plain", b""),
        Payload("a b", "text/plain", b""),
        Payload("a>\r\nX: y", "text/plain", b""),
        Payload("a" * 257, "text/plain", b""),
        Payload("a", "text", b""),
        Payload("a", "text/plain\r\nX: y", b""),
        Payload("a", "text/plain; name=x\rX: y", b""),
        Payload("a", "text/plain; name=\0", b""),
        Payload("a", "text/plain; name=é", b""),
        Payload("a", "text/plain", b"", "a\r\nb"),
        Payload("a", "text/plain", b"", ""),
        Payload("a", "text/plain", b"", "a" * 256),
    ],
)
def test_what_would_be_another_header_is_not_written(payload: Payload) -> None:
    with pytest.raises(ConfigurationError, match=r"^Give a payload a"):
        write_package(ENVELOPE, (payload,), unique=UNIQUE)


def test_the_longest_that_may_be_written() -> None:
    payload = Payload("a" * 256, "text/plain; name=x", b"", "n" * 255)
    for unique in ("u" * 16, "u" * 50):
        written = write_package(ENVELOPE, (payload,), unique=unique)
        assert only(read_package(read_content(written.content), written.content_type)) == payload


def test_two_payloads_of_one_id_are_not_written() -> None:
    payload = Payload("a", "text/plain", b"")
    with pytest.raises(ConfigurationError, match="give each its own"):
        write_package(ENVELOPE, (payload, payload), unique=UNIQUE)


@pytest.mark.parametrize("unique", ["", "short", "a" * 51, 'a"; x="' * 3])
def test_a_boundary_that_is_none(unique: str) -> None:
    with pytest.raises(ConfigurationError, match="16 to 50"):
        write_package(ENVELOPE, (Payload("a", "text/plain", b""),), unique=unique)


# --- Octets that are not at hand ----------------------------------------------------


class Kept:
    """A content of a store that gives less at a time than it is asked for."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.size = len(octets)

    def open(self) -> BinaryIO:
        return Dripping(self._octets)

    def read(self) -> bytes:
        raise AssertionError("not all at once")


class Dripping(BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 1, 1_000) if size and size > 0 else 1)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 114, 58_367, 58_368, 58_369, 200_000])
@pytest.mark.parametrize("kind", [bytes, Kept, lambda octets: ViewContent(memoryview(octets))])
def test_contents_of_any_size(size: int, kind: type) -> None:
    octets = (bytes(range(256)) * (size // 256 + 1))[:size]
    content: Content = kind(octets)
    base64 = Base64Content(content)
    row = JoinedContent((b"<", content, b"", base64, b">"))
    expected = m.base64_part(octets).octets.removesuffix(b"\r\n")
    assert base64.read() == expected
    assert base64.size == len(expected)
    assert row.read() == b"<" + octets + expected + b">"
    assert row.size == size + len(expected) + 2
    with row.open() as source:
        assert source.read(3) + source.read() == row.read()
    with row.open() as source:
        assert source.read() == row.read()


def test_what_is_at_hand_is_put_together() -> None:
    kept = Kept(b"x")
    assert joined([b"a", b"b", kept, b"c", b"d"]) == JoinedContent((b"ab", kept, b"cd"))
