"""MTOM packages: one reading, or a refusal; and what was put together is what was signed."""

import base64
import email.policy
import time
from collections.abc import Callable
from dataclasses import replace
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digipoort_wus import checks, limits
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import SOAP, TYPES, WSA, WSSE
from digipoort_wus.soap.envelope import Envelope, read_envelope
from digipoort_wus.soap.mtom import (
    PackageType,
    expand,
    read_package,
    read_package_type,
)
from digipoort_wus.soap.multipart import is_package
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from digipoort_wus.xmlsafe.splice import LargeTexts
from tests.packages import BOUNDARY, ROOT, ROOT_TYPE, XOP, Package, Part

# --- Content-Type -------------------------------------------------------------------

START = f'multipart/related; type="application/xop+xml"; boundary="{BOUNDARY}"'
USUAL = f'{START}; start="<{ROOT}>"; start-info="text/xml"'

TYPES_READ: dict[str, tuple[str, str, str | None]] = {
    "usual": (USUAL, BOUNDARY, ROOT),
    "no start": (START, BOUNDARY, None),
    "capitals": (
        f'Multipart/Related; TYPE="Application/XOP+xml"; Boundary="{BOUNDARY}"',
        BOUNDARY,
        None,
    ),
    "no spaces": (START.replace("; ", ";"), BOUNDARY, None),
    "token": (START.replace(f'"{BOUNDARY}"', "MIMEBoundary_1"), "MIMEBoundary_1", None),
    "semicolon at the end": (f"{START};", BOUNDARY, None),
    "action": (f'{START}; action="urn:x"', BOUNDARY, None),
    "info with charset": (f'{START}; start-info="text/xml; charset=utf-8"', BOUNDARY, None),
    "escaped": (START.replace("uuid", r"\u\u\i\d"), BOUNDARY, None),
    "gsoap": (
        'multipart/related; boundary="==yB6b=="; type="application/xop+xml"; '
        'start="<SOAP-ENV:Envelope>"; start-info="text/xml"',
        "==yB6b==",
        "SOAP-ENV:Envelope",
    ),
    "wcf": (
        'multipart/related; type="application/xop+xml";start="<http://tempuri.org/0>";'
        f'boundary="{BOUNDARY}+id=1";start-info="text/xml"',
        f"{BOUNDARY}+id=1",
        "http://tempuri.org/0",
    ),
    "seventy": (START.replace(BOUNDARY, "x" * 70), "x" * 70, None),
}


@pytest.mark.parametrize("name", TYPES_READ)
def test_content_types_that_are_read(name: str) -> None:
    value, boundary, start = TYPES_READ[name]
    assert is_package(value)
    assert read_package_type(value) == PackageType(boundary.encode(), start)


TYPES_REFUSED = {
    "no parameters": "multipart/related",
    "no boundary": 'multipart/related; type="application/xop+xml"',
    "empty boundary": START.replace(BOUNDARY, ""),
    "long boundary": START.replace(BOUNDARY, "x" * 71),
    "boundary with a space at its end": START.replace(BOUNDARY, "x "),
    "boundary with a comma": START.replace(BOUNDARY, "x,y"),
    "boundary with other characters": START.replace(BOUNDARY, "x*y"),
    "unquoted boundary": START.replace(f'"{BOUNDARY}"', BOUNDARY),
    "no type": f'multipart/related; boundary="{BOUNDARY}"',
    "with attachments": START.replace("application/xop+xml", "text/xml"),
    "SOAP 1.2": f'{START}; start-info="application/soap+xml"',
    "start without brackets": f'{START}; start="{ROOT}"',
    "empty start": f'{START}; start="<>"',
    "start with a space": f'{START}; start="<a b>"',
    "boundary twice": f'{START}; boundary="x"',
    "boundary twice in capitals": f'{START}; BOUNDARY="x"',
    "type twice": f'{START}; type="application/xop+xml"',
    "continued": f'{START}; boundary*0="x"',
    "extended": f"{START}; boundary*=utf-8''x",
    "two headers": f"{USUAL}, text/xml",
    "open quote": f'{START}; start="<a>',
    "text behind a quote": f'{START}; start="<a>"b',
    "space around equals": f'{START}; start = "<a>"',
    "no value": f"{START}; start=",
    "no equals": f"{START}; start",
    "two semicolons": f'{START};; start="<a>"',
    "other space": f"{START};\N{NO-BREAK SPACE}x=y",
    "control character": f'{START}; x="\t"',
    "escape of nothing": f'{START}; x="\\',
    "mixed": "multipart/mixed; boundary=x",
    "long": f'{START}; x="{"a" * 300}"; y="{"a" * 300}"; z="{"a" * 300}"; q="{"a" * 300}"',
    "long value": f'{START}; x="{"a" * 301}"',
    "nothing": "",
}


@pytest.mark.parametrize("name", TYPES_REFUSED)
def test_content_types_that_are_refused(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_package_type(TYPES_REFUSED[name])
    assert caught.value.check is checks.HTTP_CONTENT_TYPE


@pytest.mark.parametrize("value", ["text/xml", "", "multipart/form-data", "multipart/related2"])
def test_what_is_no_package(value: str) -> None:
    assert not is_package(value)


@pytest.mark.parametrize(
    "repeated",
    ['; x="\\a', ';a="', " ;", "; a=b", '"\\"', ";\t", '; x="' + "\\\\" * 150 + '"'],
)
def test_no_content_type_takes_long(repeated: str) -> None:
    started = time.process_time()
    for length in (50, 500, 16_000):
        value = USUAL + (repeated * length)[:length]
        try:
            read_package_type(value)
        except Refusal:
            continue
    assert time.process_time() - started < 0.05


# --- The package --------------------------------------------------------------------

ENVELOPE = b"<Envelope/>"
BINARY = bytes(range(256)) * 3 + b"\r\n--uuid:\r\n\r\n--\r\n"


def read(package: Package, change: Callable[[bytes], bytes] = bytes) -> dict[str, bytes]:
    """Return all parts by their Content-ID, the envelope as ``root``."""
    found = read_package(change(package.body), read_package_type(package.content_type))
    return {"root": found.envelope, **{name: bytes(part) for name, part in found.parts.items()}}


def refusal(package: Package, change: Callable[[bytes], bytes] = bytes) -> Check:
    with pytest.raises(Refusal) as caught:
        read(package, change)
    return caught.value.check


def root_part(content: bytes = ENVELOPE) -> Part:
    return Part(ROOT, content, ROOT_TYPE)


TWO = Package((root_part(), Part("a@b", BINARY)))


def test_parts_are_what_was_sent_and_not_copied() -> None:
    assert read(TWO) == {"root": ENVELOPE, "a@b": BINARY}
    body = TWO.body
    parts = read_package(body, read_package_type(TWO.content_type)).parts
    assert parts["a@b"].obj is body


def second(*headers: tuple[str, str], content: bytes = BINARY) -> Package:
    """Return a package whose second part has these headers."""
    return TWO.with_part(1, Part("a@b", content, headers=headers))


ID = ("Content-ID", "<a@b>")
PACKAGES_READ: dict[str, tuple[Package, Callable[[bytes], bytes]]] = {
    "the envelope last": (Package((Part("a@b", BINARY), root_part())), bytes),
    "no start": (replace(TWO, parameters={"start": None}), bytes),
    "an empty line before": (TWO, lambda body: b"\r\n" + body),
    "an empty line behind": (TWO, lambda body: body + b"\r\n"),
    "no line end": (TWO, lambda body: body.removesuffix(b"\r\n")),
    "padding": (TWO, lambda body: body.replace(b"cfd9\r\n", b"cfd9 \t\r\n")),
    "padding at the end": (TWO, lambda body: body.replace(b"cfd9--", b"cfd9-- \t")),
    "folded": (TWO, lambda body: body.replace(b"UTF-8; ", b"UTF-8;\r\n\t")),
    "8bit": (TWO, lambda body: body.replace(b"binary", b"8bit")),
    "7bit": (TWO, lambda body: body.replace(b"binary", b"7Bit")),
    "length": (second(("content-id", "<a@b>"), ("CONTENT-LENGTH", str(len(BINARY)))), bytes),
    "name": (second(ID, ("Content-Disposition", 'attachment; filename="b.pdf"')), bytes),
    "version": (second(ID, ("MIME-Version", "1.0")), bytes),
    "no type": (second(ID), bytes),
    "no space": (TWO, lambda body: body.replace(b"ID: ", b"ID:")),
    "no charset": (TWO, lambda body: body.replace(b"charset=UTF-8; ", b"")),
    "action": (TWO, lambda body: body.replace(b'type="text/xml"', b'type="text/xml"; action=""')),
    "gzip is only octets": (TWO, lambda body: body.replace(b"octet-stream", b"gzip")),
}


@pytest.mark.parametrize("name", PACKAGES_READ)
def test_packages_that_are_read(name: str) -> None:
    package, change = PACKAGES_READ[name]
    assert read(package, change) == {"root": ENVELOPE, "a@b": BINARY}


DELIMITER = b"--" + BOUNDARY.encode()
PACKAGES_REFUSED: dict[str, tuple[Package, Callable[[bytes], bytes]]] = {
    "empty": (TWO, lambda body: b""),
    "plain envelope": (TWO, lambda body: ENVELOPE),
    "other boundary": (TWO, lambda body: body.replace(b"uuid:", b"uuid;")),
    "boundary in capitals": (TWO, lambda body: body.replace(b"uuid:", b"UUID:")),
    "preamble": (TWO, lambda body: b"This is MIME.\r\n" + body),
    "two empty lines": (TWO, lambda body: b"\r\n\r\n" + body),
    "line feed before": (TWO, lambda body: b"\n" + body),
    "epilogue": (TWO, lambda body: body + b"more"),
    "another package behind": (TWO, lambda body: body + body),
    "no parts": (replace(TWO, parts=()), bytes),
    "end only": (TWO, lambda body: DELIMITER + b"--"),
    "boundary only": (TWO, lambda body: DELIMITER),
    "no end": (TWO, lambda body: body[: body.rindex(DELIMITER)]),
    "end without hyphens": (TWO, lambda body: body.removesuffix(b"--\r\n")),
    "end with one hyphen": (TWO, lambda body: body.removesuffix(b"-\r\n")),
    "end goes on": (TWO, lambda body: body.removesuffix(b"\r\n") + b"-\r\n"),
    "cut in the part": (TWO, lambda body: body[:-200]),
    "line feeds": (TWO, lambda body: body.replace(b"\r\n", b"\n")),
    "line feed before a boundary": (
        TWO,
        lambda body: body.replace(b"\r\n" + DELIMITER + b"--", b"\n" + DELIMITER + b"--"),
    ),
    "longer boundary": (TWO, lambda body: body.replace(DELIMITER, DELIMITER + b"x")),
    "boundary within a line": (second(ID, content=b"x" + DELIMITER + b"x"), bytes),
    "line that begins with the boundary": (second(ID, content=b"\r\n" + DELIMITER + b"x"), bytes),
    "boundary in a header": (second(ID, ("Content-Type", DELIMITER.decode())), bytes),
    "much padding": (TWO, lambda body: body.replace(b"cfd9\r\n", b"cfd9" + b" " * 65 + b"\r\n")),
    "no empty line": (TWO, lambda body: DELIMITER + b"\r\nContent-ID: <a>\r\n" + DELIMITER + b"--"),
    "no headers": (TWO, lambda body: DELIMITER + b"\r\n\r\nx\r\n\r\ny\r\n" + DELIMITER + b"--"),
    "line feed in headers": (TWO, lambda body: body.replace(b"\r\nContent-ID", b"\nContent-ID")),
    "carriage return in headers": (
        TWO,
        lambda body: body.replace(b"\r\nContent-ID", b"\rContent-ID"),
    ),
    "NUL in a header": (second(ID, ("Content-Type", "a/b\0")), bytes),
    "high octet in a header": (second(ID, ("Content-Type", "a/\xe9")), bytes),
    "space before the colon": (TWO, lambda body: body.replace(b"-ID:", b"-ID :")),
    "no colon": (TWO, lambda body: body.replace(b"-ID:", b"-ID")),
    "unknown header": (second(ID, ("X-Other", "1")), bytes),
    "Content-Encoding": (second(ID, ("Content-Encoding", "gzip")), bytes),
    "Content-Location": (second(ID, ("Content-Location", "http://localhost/")), bytes),
    "header twice": (second(ID, ID), bytes),
    "header twice in capitals": (second(ID, ("CONTENT-ID", "<c@d>")), bytes),
    "wrong length": (second(ID, ("Content-Length", "1")), bytes),
    "signed length": (second(ID, ("Content-Length", f"+{len(BINARY)}")), bytes),
    "base64": (second(ID, ("Content-Transfer-Encoding", "base64")), bytes),
    "quoted-printable": (second(ID, ("Content-Transfer-Encoding", "quoted-printable")), bytes),
    "no Content-ID": (second(("Content-Type", "a/b")), bytes),
    "Content-ID without brackets": (second(("Content-ID", "a@b")), bytes),
    "two Content-IDs in one": (second(("Content-ID", "<a@b> <c@d>")), bytes),
    "empty Content-ID": (second(("Content-ID", "<>")), bytes),
    "same Content-ID": (replace(TWO, parts=(*TWO.parts, Part("a@b", b"other"))), bytes),
    "the envelope's Content-ID": (replace(TWO, parts=(*TWO.parts, root_part())), bytes),
    "no start, the envelope's Content-ID": (
        replace(TWO, parts=(*TWO.parts, root_part()), parameters={"start": None}),
        bytes,
    ),
    "unknown start": (replace(TWO, parameters={"start": "<c@d>"}), bytes),
    "start in capitals": (replace(TWO, parameters={"start": f"<{ROOT.upper()}>"}), bytes),
    "start names the binary": (replace(TWO, parameters={"start": "<a@b>"}), bytes),
    "two envelopes": (
        replace(TWO, parts=(*TWO.parts, Part("c@d", ENVELOPE, ROOT_TYPE))),
        bytes,
    ),
    "nested package": (second(ID, ("Content-Type", "Multipart/Mixed; boundary=x")), bytes),
    "nested message": (second(ID, ("Content-Type", "message/rfc822")), bytes),
    "envelope of another type": (TWO, lambda body: body.replace(b"xop+xml;", b"soap+xml;")),
    "envelope of SOAP 1.2": (
        TWO,
        lambda body: body.replace(b'"text/xml"', b'"application/soap+xml"'),
    ),
    "envelope without type": (TWO, lambda body: body.replace(b'; type="text/xml"', b"")),
    "envelope of latin-1": (TWO, lambda body: body.replace(b"UTF-8", b"iso-8859-1")),
    "envelope's type unreadable": (TWO, lambda body: body.replace(b"charset=", b"charset")),
    "charset twice": (TWO, lambda body: body.replace(b"charset=", b"charset=utf-8; charset=")),
}


@pytest.mark.parametrize("name", PACKAGES_REFUSED)
def test_packages_that_are_refused(name: str) -> None:
    package, change = PACKAGES_REFUSED[name]
    assert change(package.body) != TWO.body or package != TWO
    assert refusal(package, change) is checks.MIME_FORM


def test_as_many_parts_as_may_be() -> None:
    parts = [Part(f"{number}@b", b"x") for number in range(limits.MTOM_MAX_PARTS)]
    assert len(read(Package((root_part(), *parts)))) == 1 + limits.MTOM_MAX_PARTS
    package = Package((root_part(), *parts, Part("one-more@b", b"x")))
    assert refusal(package) is checks.MIME_LIMIT


def test_as_large_headers_as_may_be() -> None:
    used = len("Content-ID: <a@b>\r\nContent-Type: ")
    fits = "a/b;" + "x" * (limits.MTOM_MAX_HEADER_BYTES - used - 4)
    assert read(second(ID, ("Content-Type", fits)))["a@b"] == BINARY
    assert refusal(second(ID, ("Content-Type", fits + "x"))) is checks.MIME_LIMIT


HOSTILE: dict[str, tuple[Package, Callable[[bytes], bytes], Check]] = {
    "10,000 parts": (
        Package((root_part(), *(Part(f"{number}@b", b"") for number in range(10_000)))),
        bytes,
        checks.MIME_LIMIT,
    ),
    "a header of a megabyte": (
        second(ID, ("Content-Type", "a/" + "b" * 1_000_000)),
        bytes,
        checks.MIME_LIMIT,
    ),
    "100,000 headers": (second(ID, *[("MIME-Version", "1")] * 100_000), bytes, checks.MIME_LIMIT),
    "a boundary that never comes": (
        TWO,
        lambda body: body[: body.rindex(DELIMITER)] + DELIMITER[:-1] * 100_000,
        checks.MIME_FORM,
    ),
    "headers of spaces": (
        Package(
            tuple(
                Part(ROOT, ENVELOPE, headers=[("Content-Type", " " * 4_000 + "\rx")])
                for _ in range(limits.MTOM_MAX_PARTS)
            )
        ),
        bytes,
        checks.MIME_FORM,
    ),
    "folded headers": (
        second(ID, ("Content-Type", "\r\n " * 600)),
        lambda body: body.replace(b"\r\n \r\n", b"\r\n \r \r\n"),
        checks.MIME_FORM,
    ),
    "hyphens": (second(ID, content=b"-" * 4_000_000), lambda body: body[:-10], checks.MIME_FORM),
    "padding": (TWO, lambda body: DELIMITER + b" " * 4_000_000, checks.MIME_FORM),
    "hyphens behind": (TWO, lambda body: body + b"-" * 4_000_000, checks.MIME_FORM),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_packages_cost_little(name: str) -> None:
    package, change, check = HOSTILE[name]
    body, package_type = change(package.body), read_package_type(package.content_type)
    started = time.process_time()
    with pytest.raises(Refusal) as caught:
        read_package(body, package_type)
    assert time.process_time() - started < 0.05
    assert caught.value.check is check


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_one_reading_or_a_refusal(data: st.DataObject) -> None:
    """Whatever is done to the octets, no part holds a boundary and nothing else is raised."""
    body = bytearray(TWO.body)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        piece = data.draw(
            st.sampled_from([b"", b"\r\n", b"--", DELIMITER, DELIMITER + b"--", b"\r\n\r\n", b":"])
        )
        body[at : at + data.draw(st.integers(0, 3))] = piece
    try:
        found = read_package(bytes(body), read_package_type(TWO.content_type))
    except Refusal:
        return
    for part in (found.envelope, *found.parts.values()):
        assert DELIMITER not in bytes(part)


def test_a_package_of_the_standard_library_is_read() -> None:
    package = MIMEMultipart("related", type="application/xop+xml", start=f"<{ROOT}>")
    package.set_boundary(BOUNDARY)
    root = MIMEApplication(ENVELOPE, "xop+xml", lambda part: None, charset="UTF-8", type="text/xml")
    root["Content-ID"] = f"<{ROOT}>"
    binary = MIMEApplication(b"%PDF- text", "pdf", lambda part: None)
    binary["Content-ID"] = "<a@b>"
    for part in (root, binary):
        part["Content-Transfer-Encoding"] = "binary"
        package.attach(part)
    written = package.as_bytes(policy=email.policy.HTTP)
    head, _, body = written.partition(b"\r\n\r\n")
    content_type = str(package["Content-Type"])
    assert b"Content-Type" in head
    found = read_package(body, read_package_type(content_type))
    assert found.envelope == ENVELOPE
    assert bytes(found.parts["a@b"]) == b"%PDF- text"


# --- Includes -----------------------------------------------------------------------


def include(href: str = "cid:a@b", more: str = "", inside: str = "") -> str:
    return f'<xop:Include xmlns:xop="{XOP}" href="{href}"{more}>{inside}</xop:Include>'


def message(
    first: str, *, second: str = "", kenmerk: str = "", token: str = "", to: str = ""
) -> Envelope:
    return read_envelope(
        parse_message(
            f'<s:Envelope xmlns:s="{SOAP}" xmlns:t="{TYPES}" xmlns:a="{WSA}" xmlns:w="{WSSE}">'
            f"<s:Header><a:To>{to}</a:To><w:Security>"
            f"<w:BinarySecurityToken>{token}</w:BinarySecurityToken></w:Security></s:Header>"
            f"<s:Body><t:r><t:k>{kenmerk}</t:k><t:inhoud>{first}</t:inhoud>"
            f"<t:inhoud>{second}</t:inhoud></t:r></s:Body></s:Envelope>".encode()
        )
    )


def expanded(envelope: Envelope, parts: dict[str, bytes]) -> LargeTexts:
    texts = LargeTexts(None)
    expand(
        envelope,
        {name: memoryview(part) for name, part in parts.items()},
        contents=[
            element for element in envelope.body_child if element.tag == f"{{{TYPES}}}inhoud"
        ],
        texts=texts,
    )
    return texts


@pytest.mark.parametrize("contents", [b"", b"x", BINARY, bytes(300_000), BINARY * 9_000])
def test_an_expanded_message_is_the_one_that_was_signed(contents: bytes) -> None:
    envelope = message(include(), second=include("cid:c@d"), token=include("cid:token"))
    texts = expanded(envelope, {"a@b": contents, "c@d": b"other", "token": b"DER"})
    inline = message(
        base64.b64encode(contents).decode(),
        second=base64.b64encode(b"other").decode(),
        token=base64.b64encode(b"DER").decode(),
    )
    assert b"".join(texts.octets(envelope.root)) == canonicalize(inline.root)
    first = envelope.body_child[1]
    assert texts.take_contents(first) == contents


@pytest.mark.parametrize(
    ("href", "content_id"),
    [
        ("cid:a@b", "a@b"),
        ("CID:a@b", "a@b"),
        ("cid:a%40b", "a@b"),
        ("cid:http%3A%2F%2Ftempuri.org%2F1", "http://tempuri.org/1"),
        ("cid:a%2540b", "a%40b"),
        ("cid:a+b", "a+b"),
    ],
)
def test_a_cid_is_decoded_once(href: str, content_id: str) -> None:
    envelope = message(include(href))
    texts = expanded(envelope, {content_id: b"x"})
    assert texts.take_contents(envelope.body_child[1]) == b"x"


INCLUDES_REFUSED = {
    "unknown cid": {"first": include("cid:c@d")},
    "decoded twice": {"first": include("cid:a%2540b")},
    "http": {"first": include("http://localhost/a@b")},
    "file": {"first": include("file:///etc/passwd")},
    "ftp": {"first": include("ftp://localhost/a@b")},
    "no scheme": {"first": include("a@b")},
    "mid": {"first": include("mid:a@b")},
    "fragment": {"first": include("#a@b")},
    "empty": {"first": include("")},
    "cid of nothing": {"first": include("cid:")},
    "broken escape": {"first": include("cid:a%4")},
    "space before": {"first": include(" cid:a@b")},
    "escaped high octet": {"first": include("cid:a%E9b")},
    "twice": {"first": include(), "second": include()},
    "no href": {"first": f'<xop:Include xmlns:xop="{XOP}"/>'},
    "another attribute": {"first": include(more=' x="y"')},
    "foreign attribute": {"first": include(more=f' t:x="y" xmlns:t="{TYPES}"')},
    "qualified href": {"first": f'<xop:Include xmlns:xop="{XOP}" xop:href="cid:a@b"/>'},
    "text inside": {"first": include(inside="x")},
    "element inside": {"first": include(inside="<x/>")},
    "text before": {"first": f"QQ=={include()}"},
    "text behind": {"first": f"{include()}QQ=="},
    "space before the element": {"first": f" {include()}"},
    "line end behind": {"first": f"{include()}\n"},
    "two": {"first": include() + include("cid:c@d")},
    "element beside": {"first": f"{include()}<x/>"},
    "behind an element": {"first": f"<x/>{include()}"},
    "deeper": {"first": f"<x>{include()}</x>"},
    "in a kenmerk": {"first": "", "kenmerk": include()},
    "in a wsa header": {"first": "", "to": include()},
    "unknown xop element": {"first": f'<xop:Other xmlns:xop="{XOP}" href="cid:a@b"/>'},
}


@pytest.mark.parametrize("name", INCLUDES_REFUSED)
def test_includes_that_are_refused(name: str) -> None:
    with pytest.raises(Refusal) as caught:
        expanded(message(**INCLUDES_REFUSED[name]), {"a@b": b"x"})
    assert caught.value.check is checks.XOP_INCLUDE
    assert "passwd" not in caught.value.explanation()


def test_a_part_that_nothing_names_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        expanded(message(include()), {"a@b": b"x", "c@d": b"y"})
    assert caught.value.check is checks.MIME_FORM


def test_an_include_of_another_namespace_is_an_element_like_any_other() -> None:
    envelope = message('<Include href="cid:a@b"/>')
    expanded(envelope, {})
    assert len(envelope.body_child[1]) == 1


def test_a_token_that_is_too_large_is_refused_before_it_is_written() -> None:
    with pytest.raises(Refusal) as caught:
        expanded(message("", token=include()), {"a@b": bytes(limits.TOKEN_MAX_BYTES + 1)})
    assert caught.value.check is checks.WSS_TOKEN


def test_contents_are_of_their_own_and_outlive_the_package() -> None:
    body = bytearray(b"contents")
    envelope = message(include())
    texts = LargeTexts(None)
    expand(envelope, {"a@b": memoryview(body)}, contents=[envelope.body_child[1]], texts=texts)
    body[:] = b"12345678"
    assert texts.take_contents(envelope.body_child[1]) == b"contents"
