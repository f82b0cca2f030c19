"""What is wrong with a package or its parts, and where."""

from dataclasses import dataclass

import pytest

from digipoort_wus import checks, limits
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode
from digipoort_wus.ebms.message import Message
from digipoort_wus.ebms.packaging import listed_payloads, read_package
from digipoort_wus.ebms.reading import read_envelope, read_message
from digipoort_wus.errors import Check
from digipoort_wus.soap.multipart import CONTENT_TYPE_MAX
from tests import ebms_messages as m
from tests.ebms_messages import MimePart, payload_part, root_part


@dataclass(frozen=True)
class Misfit:
    """A package, and what is said of it."""

    body: bytes
    content_type: str
    check: Check
    at: str = "cid:"


ROOT_AT, PAYLOAD_AT = f"cid:{m.ROOT}", f"cid:{m.PAYLOAD_ID}"
USUAL, USUAL_TYPE = m.package()


def form(body: bytes = USUAL, content_type: str = USUAL_TYPE, *, at: str = "cid:") -> Misfit:
    return Misfit(body, content_type, checks.EBMS_MIME_FORM, at)


def parts(*written: MimePart, check: Check = checks.EBMS_MIME_FORM, at: str = "cid:") -> Misfit:
    return Misfit(m.body_of(written), m.content_type(), check, at)


def long_type(size: int) -> str:
    """Return the usual Content-Type with parameters that make it so long."""
    found = USUAL_TYPE
    for number in range(9):
        left = (size - len(found)) // (9 - number)
        found += f'; p{number}="{"x" * (left - len("; p0=__"))}"'
    return found


def typed(old: str, new: str) -> Misfit:
    assert old in USUAL_TYPE
    return form(content_type=USUAL_TYPE.replace(old, new))


def encoded(encoding: str, octets: bytes) -> Misfit:
    more = (("Content-Transfer-Encoding", encoding),)
    return parts(root_part(), payload_part(octets, more=more), at=PAYLOAD_AT)


def bare(*headers: tuple[str, str]) -> MimePart:
    return MimePart(headers, m.PAYLOAD)


LAST = f"--{m.BOUNDARY}--".encode()
CID = ("Content-ID", f"<{m.PAYLOAD_ID}>")
XML = ("Content-Type", "application/xml")

PACKAGES: dict[str, Misfit] = {
    # the Content-Type of the whole
    "no Content-Type": form(content_type=""),
    "JSON": form(content_type="application/json"),
    "SOAP 1.2": form(content_type="application/soap+xml; charset=UTF-8"),
    "another charset": form(m.BUSINESS.encode(), "text/xml; charset=ISO-8859-1"),
    "two charsets": form(m.BUSINESS.encode(), "text/xml; charset=UTF-8; charset=UTF-16"),
    "multipart/mixed": typed("related", "mixed"),
    "MTOM": typed('type="text/xml"', 'type="application/xop+xml"'),
    "no boundary": typed(f'; boundary="{m.BOUNDARY}"', ""),
    "an empty boundary": typed(m.BOUNDARY, ""),
    "a boundary of 71 characters": typed(m.BOUNDARY, "b" * 71),
    "a boundary of 100,000 characters": typed(m.BOUNDARY, "b" * 100_000),
    "two boundaries": form(content_type=f'{USUAL_TYPE}; boundary="x"'),
    "a continued boundary": typed("boundary=", "boundary*0="),
    "two headers in one": form(content_type=f"{USUAL_TYPE}, text/xml"),
    "a comma in a parameter": form(content_type=f'{USUAL_TYPE}; start-info="a, b"'),
    "a Content-Type of a character too many": form(content_type=long_type(CONTENT_TYPE_MAX + 1)),
    "a Content-Type of thousands of characters": form(
        content_type=USUAL_TYPE + "".join(f'; p{number}="x"' for number in range(300))
    ),
    "start of another form": typed(f'"<{m.ROOT}>"', '"<a b>"'),
    "start that names nothing": typed(m.ROOT, "nobody@example.nl"),
    "start that names a payload": Misfit(
        USUAL, m.content_type(start=f"<{m.PAYLOAD_ID}>"), checks.EBMS_MIME_FORM, PAYLOAD_AT
    ),
    # boundaries
    "an empty body": form(b""),
    "no boundary in the body": form(m.BUSINESS.encode()),
    "another boundary in the body": form(USUAL.replace(m.BOUNDARY.encode(), b"other")),
    "the end is missing": form(USUAL.removesuffix(LAST + b"\r\n")),
    "no parts": form(LAST + b"\r\n"),
    "a boundary within a line": form(USUAL.replace(b"inhoud", b"in--%s\r\n" % m.BOUNDARY.encode())),
    "a boundary that goes on": form(
        USUAL.replace(m.PAYLOAD, b"x\r\n--" + m.BOUNDARY.encode() + b"x\r\ny")
    ),
    "line feeds only": form(USUAL.replace(b"\r\n", b"\n")),
    "a package behind the package": form(USUAL + USUAL),
    "a long text before": form(b"x" * 2_000 + b"\r\n" + USUAL),
    "a long text behind": form(USUAL + b"x" * 2_000),
    "a line that begins with it before": form(b"x--" + m.BOUNDARY.encode() + b"\r\n" + USUAL),
    # headers of parts
    "no empty line": form(USUAL.replace(b"\r\n\r\n", b"\r\n")),
    "a header that is none": parts(root_part(), bare(XML, CID, ("No colon\r\nX", "y"))),
    "two Content-IDs in a part": parts(root_part(), bare(XML, CID, CID)),
    "two Content-Types in a part": parts(root_part(), bare(XML, XML, CID)),
    "two encodings in a part": parts(
        root_part(), payload_part(more=(("Content-Transfer-Encoding", "binary"),) * 2)
    ),
    "headers in Latin-1": form(USUAL.replace(b"application/xml", b"application/\xe9")),
    "another length": parts(root_part(), payload_part(more=(("Content-Length", "5"),))),
    "no Content-ID": parts(root_part(), bare(XML)),
    "a Content-ID of another form": parts(root_part(), payload_part(content_id="<a b>")),
    "an envelope with a Content-ID of another form": Misfit(
        m.body_of([root_part(content_id="<a b>"), payload_part()]),
        m.content_type(start=None),
        checks.EBMS_MIME_FORM,
    ),
    "an empty Content-ID": parts(root_part(), payload_part(content_id="<>")),
    "two parts of one Content-ID": parts(
        root_part(), payload_part(), payload_part(b"other"), at=PAYLOAD_AT
    ),
    "a payload with the Content-ID of the envelope": parts(
        root_part(), payload_part(content_id=f"<{m.ROOT}>"), at=ROOT_AT
    ),
    "a media type that is none": parts(root_part(), payload_part(media_type="xml"), at=PAYLOAD_AT),
    "an envelope that is a package": parts(
        MimePart(
            (("Content-Type", 'multipart/related; boundary="i"'), ("Content-ID", f"<{m.ROOT}>")),
            b"--i\r\n\r\n" + m.BUSINESS.encode() + b"\r\n--i--",
        ),
        payload_part(),
        at=ROOT_AT,
    ),
    "an envelope without a media type": parts(
        MimePart((("Content-ID", f"<{m.ROOT}>"),), m.BUSINESS.encode()), at=ROOT_AT
    ),
    "an envelope in another charset": parts(
        MimePart(
            (("Content-Type", "text/xml; charset=utf-16"), ("Content-ID", f"<{m.ROOT}>")),
            m.BUSINESS.encode(),
        ),
        at=ROOT_AT,
    ),
    # transfer encodings
    "an encoding that nobody knows": encoded("x-gzip", m.PAYLOAD),
    "base64 of other octets": encoded("base64", b"<x/>"),
    "base64 that is cut off": encoded("base64", b"QUJD\r\nRA"),
    "base64 behind its end": encoded("base64", b"QQ==\r\nQQ=="),
    "base64 behind its end, a mebibyte later": encoded(
        "base64", b"A" * (1_048_576 - 4) + b"QQ==" + b"QUJD"
    ),
    "base64 behind its end and two mebibytes of lines": encoded(
        "base64", b"QQ==" + b"\r\n" * 1_048_576 + b"QUJD"
    ),
    "base64 for the web": encoded("base64", b"-_-_"),
    "half an escape": encoded("quoted-printable", b"a=4"),
    "white space that would be lost": encoded("quoted-printable", b"a \r\nb"),
    "an octet that is not printable": encoded("quoted-printable", b"caf\xc3\xa9"),
    # limits
    "headers of ten kilobytes": parts(
        root_part(),
        payload_part(more=(("X-Long", "x" * 10_000),)),
        check=checks.EBMS_MIME_LIMIT,
    ),
    "a thousand parts": parts(
        root_part(),
        *(payload_part(b"", f"<{number}@example.nl>") for number in range(1_000)),
        check=checks.EBMS_MIME_LIMIT,
    ),
    "one part too many": parts(
        root_part(),
        *(payload_part(b"", f"<{number}@e>") for number in range(limits.EBMS_MAX_PARTS + 1)),
        check=checks.EBMS_MIME_LIMIT,
    ),
    # the Manifest and the parts
    "a part that is not listed": parts(
        root_part(),
        payload_part(),
        payload_part(b"x", "<2@agency.example.nl>"),
        check=checks.EBMS_MANIFEST_LISTED,
        at="cid:2@agency.example.nl",
    ),
    "a part without any Manifest": parts(
        root_part(m.envelope()), payload_part(), check=checks.EBMS_MANIFEST_LISTED, at=PAYLOAD_AT
    ),
    "a Manifest without parts": parts(root_part(), check=checks.EBMS_MANIFEST_PART, at=PAYLOAD_AT),
    "a Manifest and no package": Misfit(
        m.BUSINESS.encode(), "text/xml", checks.EBMS_MANIFEST_PART, PAYLOAD_AT
    ),
    "a Manifest that lists the envelope": parts(
        root_part(m.envelope(body=m.manifest(f"cid:{m.ROOT}"))),
        check=checks.EBMS_MANIFEST_PART,
        at=ROOT_AT,
    ),
    "a part that is listed twice": parts(
        root_part(m.envelope(body=m.manifest(*(f"cid:{m.PAYLOAD_ID}",) * 2))),
        payload_part(),
        check=checks.EBMS_MANIFEST_LISTED,
        at=PAYLOAD_AT,
    ),
    "a part in other capitals": parts(
        root_part(),
        payload_part(content_id=f"<{m.PAYLOAD_ID.upper()}>"),
        check=checks.EBMS_MANIFEST_PART,
        at=PAYLOAD_AT,
    ),
}


def received(body: bytes, content_type: str) -> Message:
    package = read_package(body, content_type)
    message = read_message(read_envelope(package.envelope))
    listed_payloads(message.manifest, package.parts)
    return message


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_a_defect_of_a_package(name: str, kind: type) -> None:
    expected = PACKAGES[name]
    with pytest.raises(EbmsRefusal) as raised:
        received(kind(expected.body), expected.content_type)
    refusal = raised.value
    assert (refusal.check, refusal.code, refusal.location) == (
        expected.check,
        ErrorCode.MIME_PROBLEM,
        expected.at,
    )


def test_what_was_changed_is_good() -> None:
    assert received(USUAL, USUAL_TYPE).header.action == "aanleveren"
    longest = long_type(CONTENT_TYPE_MAX)
    assert len(longest) == CONTENT_TYPE_MAX
    assert received(USUAL, longest).header.action == "aanleveren"
