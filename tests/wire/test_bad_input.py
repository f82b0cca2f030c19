"""What a sender did wrong: the right fault, never a traceback, and the next request works."""

import base64
import gzip
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

from digipoort_wus import limits
from digipoort_wus.names import SOAP, SOAP_12, TYPES, WSSE, WSU
from digipoort_wus.pki.testpki import keys_from, make_pki
from digipoort_wus.pki.testplan import VENDOR_A_OIN
from tests.conftest import CERTS_TEST
from tests.messages import (
    PARTY,
    XBRL,
    aanlever_body,
    envelope,
    query_body,
    signed,
)
from tests.wire.conftest import (
    Running,
    Wire,
    assert_refused,
    head,
    request_for,
    signed_again,
    signed_without,
)

Make = Callable[[Running], bytes]
MEBIBYTE = 1_048_576


def raw(octets: bytes) -> Make:
    return lambda _: octets


def replaced(old: bytes, new: bytes) -> Make:
    """A signed request with a text replaced after signing."""

    def make(running: Running) -> bytes:
        octets = request_for(running)
        assert old in octets
        return octets.replace(old, new)

    return make


def with_body(body: str, name: str = "aanleveren") -> Make:
    return lambda running: request_for(running, body, operation=name)


def unsigned(running: Running) -> bytes:
    return etree.tostring(envelope(aanlever_body()))


def without(part: str) -> Make:
    return lambda running: signed_without(
        running.identity("vendor-a"), envelope(aanlever_body()), part
    )


def of_another_signer(name: str) -> Make:
    return lambda running: request_for(running, name=name)


def of_another_hierarchy(running: Running) -> bytes:
    """Names and OINs are those of the gateway's hierarchy; the keys of its CAs are not."""
    pki = make_pki("g1", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g4"))
    return signed(pki.identities["vendor-a"], envelope(aanlever_body()), created=datetime.now(UTC))


def created(**delta: float) -> Make:
    return lambda running: request_for(running, created=datetime.now(UTC) + timedelta(**delta))


def resigned(change: Callable[[etree._Element], None]) -> Make:
    """A request that was changed, and then signed well."""

    def make(running: Running) -> bytes:
        identity = running.identity("vendor-a")
        root = etree.fromstring(request_for(running))
        change(root)
        return signed_again(identity, root)

    return make


def two_timestamps(root: etree._Element) -> None:
    security = next(root.iter(f"{{{WSSE}}}Security"))
    extra = etree.SubElement(security, f"{{{WSU}}}Timestamp")
    etree.SubElement(extra, f"{{{WSU}}}Created").text = "2026-01-01T00:00:00Z"


def with_action(action: str) -> Make:
    return lambda running: signed(
        running.identity("vendor-a"),
        envelope(aanlever_body(), action=action),
        created=datetime.now(UTC),
    )


def with_content(text: str) -> str:
    """The body of a filing with this text as its inhoud."""
    before, _, rest = aanlever_body().partition("<t:inhoud>")
    return f"{before}<t:inhoud>{text}{rest[rest.index('</t:inhoud>') :]}"


def attachments(count: int) -> str:
    part = (
        "<t:bijlage><t:mimeType>text/plain</t:mimeType><t:bestandsnaam>b</t:bestandsnaam>"
        "<t:inhoud>QQ==</t:inhoud></t:bijlage>"
    )
    end = "<t:autorisatieAdres>"
    return aanlever_body().replace(
        end, f"<t:berichtBijlagen>{part * count}</t:berichtBijlagen>{end}"
    )


DTD = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'
WRONG_NAMESPACE = aanlever_body().replace(TYPES, TYPES.replace("1.2", "1.3"))
SCHEMA_INVALID = aanlever_body().replace("<t:rolBelanghebbende>Bedrijf</t:rolBelanghebbende>", "")

# Name of the case: how the request is made, fault code, check.
CASES: dict[str, tuple[Make, str, str]] = {
    "empty": (raw(b""), "ALS100", "XML-WELL-FORMED"),
    "not XML": (raw(b"kenmerk=1&x=2"), "ALS100", "XML-WELL-FORMED"),
    "JSON": (raw(b'{"kenmerk": 1}'), "ALS100", "XML-WELL-FORMED"),
    "NUL octets": (raw(b"\0" * 100), "ALS100", "XML-WELL-FORMED"),
    "cut off": (lambda running: request_for(running)[:-20], "ALS100", "XML-WELL-FORMED"),
    "more after the end": (lambda r: request_for(r) + b"<x/>", "ALS100", "XML-WELL-FORMED"),
    "not UTF-8": (raw(b"<x>\xff\xfe</x>"), "ALS100", "XML-ENCODING"),
    "UTF-16": (
        lambda running: request_for(running).decode().encode("utf-16"),
        "ALS100",
        "XML-ENCODING",
    ),
    "declared latin-1": (
        raw(b'<?xml version="1.0" encoding="ISO-8859-1"?><x/>'),
        "ALS100",
        "XML-ENCODING",
    ),
    "no SOAP": (raw(XBRL), "ALS100", "SOAP-ENVELOPE"),
    "SOAP 1.2": (replaced(SOAP.encode(), SOAP_12.encode()), "ALS100", "SOAP-ENVELOPE"),
    "no namespace": (
        raw(b"<Envelope><Header/><Body><x/></Body></Envelope>"),
        "ALS100",
        "SOAP-ENVELOPE",
    ),
    "two Bodies": (
        replaced(b"</s:Envelope>", b"<s:Body><x/></s:Body></s:Envelope>"),
        "ALS100",
        "SOAP-STRUCTURE",
    ),
    "no Body": (raw(f'<s:Envelope xmlns:s="{SOAP}"/>'.encode()), "ALS100", "SOAP-STRUCTURE"),
    "two elements in the Body": (
        replaced(b"</s:Body>", b"<x/></s:Body>"),
        "ALS100",
        "SOAP-BODY-CHILD",
    ),
    "empty Body": (
        raw(f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body/></s:Envelope>'.encode()),
        "ALS100",
        "SOAP-BODY-CHILD",
    ),
    "a header of our own": (
        replaced(b"</s:Header>", b'<o:x xmlns:o="urn:o"/></s:Header>'),
        "ALS100",
        "SOAP-HEADER-FOREIGN",
    ),
    "DTD": (lambda running: DTD + unsigned(running), "ALS100", "XML-DOCTYPE"),
    "entities": (raw(LAUGHS), "ALS100", "XML-DOCTYPE"),
    "comment": (replaced(b"<s:Body", b"<!-- x --><s:Body"), "ALS100", "XML-COMMENT"),
    "instruction": (replaced(b"<s:Body", b"<?x y?><s:Body"), "ALS100", "XML-INSTRUCTION"),
    "too many elements": (
        raw(b"<x>" + b"<y/>" * 20_000 + b"</x>"),
        "ALS100",
        "XML-LIMIT",
    ),
    "too deep": (raw(b"<x>" * 200 + b"</x>" * 200), "ALS100", "XML-LIMIT"),
    "unsigned": (unsigned, "ALS110", "WSS-PRESENT"),
    "Body unsigned": (without("Body"), "ALS110", "WSS-COVERAGE"),
    "Timestamp unsigned": (without("Timestamp"), "ALS110", "WSS-COVERAGE"),
    "To unsigned": (without("To"), "ALS110", "WSS-COVERAGE"),
    "Action unsigned": (without("Action"), "ALS110", "WSS-COVERAGE"),
    "MessageID unsigned": (without("MessageID"), "ALS110", "WSS-COVERAGE"),
    "ReplyTo unsigned": (without("ReplyTo"), "ALS110", "WSS-COVERAGE"),
    "Body changed": (replaced(b"ref-1", b"ref-2"), "ALS110", "WSS-DIGEST"),
    "signature of another key": (
        replaced(b"<ds:SignatureValue>", b"<ds:SignatureValue>AAAA"),
        "ALS110",
        "WSS-SIGNATURE",
    ),
    "another hierarchy": (of_another_hierarchy, "ALS110", "PKI-CHAIN"),
    "another party than the TLS peer": (
        of_another_signer("vendor-b"),
        "ALS110",
        "WSS-SIGNER",
    ),
    "revoked signer": (of_another_signer("vendor-revoked"), "ALS110", "PKI-REVOKED"),
    "expired signer": (of_another_signer("vendor-expired"), "ALS110", "PKI-VALIDITY"),
    "expired": (created(minutes=-30), "ALS110", "WSS-EXPIRED"),
    "from the future": (created(minutes=30), "ALS110", "WSS-EXPIRED"),
    "two Timestamps": (resigned(two_timestamps), "ALS110", "WSS-CHILDREN"),
    "unknown action": (with_action("urn:unknown"), "ALS100", "WSA-ACTION"),
    "action of another service": (
        with_action(
            "http://logius.nl/digipoort/wus/2.0/ophaalservice/1.2/OphaalService/getBerichtenRequest"
        ),
        "ALS100",
        "WSA-ACTION",
    ),
    "body of another operation": (
        with_body(query_body("getBerichtsoorten")),
        "ALS100",
        "WSA-BODY",
    ),
    "wrong namespace": (with_body(WRONG_NAMESPACE), "ALS100", "WSA-BODY"),
    "schema-invalid": (with_body(SCHEMA_INVALID), "ALS100", "XSD-VALID"),
    "elements out of order": (
        with_body(f'<t:aanleverRequest xmlns:t="{TYPES}">{PARTY}</t:aanleverRequest>'),
        "ALS100",
        "XSD-VALID",
    ),
    "bad base64": (with_body(with_content("***")), "ALS100", "XSD-BASE64"),
    "base64 cut off": (with_body(with_content("QQ=")), "ALS100", "XSD-BASE64"),
    "base64 of full width": (with_body(with_content("ＱＱ==")), "ALS100", "XSD-BASE64"),
    "element in inhoud": (with_body(with_content("<t:x/>")), "ALS100", "XSD-VALID"),
    "no attachment in the list": (with_body(attachments(0)), "ALS100", "XSD-VALID"),
    "51 attachments": (with_body(attachments(51)), "ALS170", "ATTACHMENT-LIMIT"),
    "unknown berichtsoort": (
        with_body(aanlever_body(berichtsoort="Onbekend")),
        "ALS120",
        "BERICHTSOORT-KNOWN",
    ),
    "unregistered autorisatieAdres": (
        with_body(aanlever_body().replace("geenausp.nl", "ausp.example.nl")),
        "ALS160",
        "AUSP-KNOWN",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_filings(gateway: Running, case: str) -> None:
    make, code, check = CASES[case]
    assert_refused(gateway.post(gateway.urls[0], make(gateway)), code, check)
    gateway.submit()


PERIOD = (
    "<t:tijdstempelVanaf>2026-02-01T00:00:00Z</t:tijdstempelVanaf>"
    "<t:tijdstempelTot>2026-01-01T00:00:00Z</t:tijdstempelTot>"
)
MOMENT = "<t:tijdstempelVanaf>{}</t:tijdstempelVanaf>"
STATUSES = "getStatussenProces"


def query(name: str, kenmerk: str = "onbekend", more: str = "") -> str:
    return query_body(name, kenmerk).replace(f"</t:{name}Request>", f"{more}</t:{name}Request>")


QUERIES: dict[str, tuple[str, str, str, str]] = {
    "unknown kenmerk": (STATUSES, query(STATUSES), "STS150", "KENMERK-KNOWN"),
    "unknown kenmerk, new": (
        "getNieuweStatussenProces",
        query("getNieuweStatussenProces"),
        "STS150",
        "KENMERK-KNOWN",
    ),
    "unknown kenmerk, messages": (
        "getBerichtenKenmerk",
        query("getBerichtenKenmerk"),
        "OPH150",
        "KENMERK-KNOWN",
    ),
    "period that ends first": (
        STATUSES,
        query(STATUSES, more=PERIOD),
        "STS100",
        "PERIOD-ORDER",
    ),
    "period that ends first, messages": (
        "getBerichten",
        query("getBerichten", more=PERIOD),
        "OPH100",
        "PERIOD-ORDER",
    ),
    "no moment": (STATUSES, query(STATUSES, more=MOMENT.format("gisteren")), "STS100", "XSD-VALID"),
    "leap second": (
        STATUSES,
        query(STATUSES, more=MOMENT.format("2026-06-30T23:59:60Z")),
        "STS100",
        "XSD-VALID",
    ),
    "year of five digits": (
        STATUSES,
        query(STATUSES, more=MOMENT.format("12026-06-30T23:59:00Z")),
        "STS100",
        "XSD-VALID",
    ),
    "year before the first": (
        STATUSES,
        query(STATUSES, more=MOMENT.format("-0001-06-30T23:59:00Z")),
        "STS100",
        "XSD-VALID",
    ),
    "too long": (
        "getBerichtenKenmerk",
        query("getBerichtenKenmerk", "x" * 41),
        "OPH100",
        "XSD-VALID",
    ),
}


@pytest.mark.parametrize("case", QUERIES)
def test_bad_queries(gateway: Running, case: str) -> None:
    name, body, code, check = QUERIES[case]
    assert_refused(gateway.ask(name, body), code, check)
    assert gateway.ask("getBerichtsoorten", query_body("getBerichtsoorten")).status_code == 200


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T24:00:00Z"]
)
def test_moments_at_the_ends_of_the_calendar(gateway: Running, moment: str) -> None:
    kenmerk = gateway.submit()
    answer = gateway.ask(STATUSES, query(STATUSES, kenmerk, MOMENT.format(moment)))
    if answer.status_code == 500:
        assert_refused(answer, "STS100", "XSD-VALID")


def test_a_fault_repeats_nothing_of_the_body(gateway: Running) -> None:
    """Schema errors are explained with names of the schema, not with what was sent."""
    secret = "b999911120"
    body = aanlever_body().replace("<t:mimeType>", f"<t:{secret}>{secret}</t:{secret}><t:mimeType>")
    answer = gateway.ask("aanleveren", body)
    assert_refused(answer, "ALS100", "XSD-VALID")
    assert secret not in answer.text
    assert secret not in gateway.log()


def test_an_inhoud_of_20_mib_is_accepted_and_one_byte_more_is_not(gateway: Running) -> None:
    content = b"x" * limits.INHOUD_MAX_BYTES
    assert gateway.ask("aanleveren", aanlever_body(content)).status_code == 200
    answer = gateway.ask("aanleveren", aanlever_body(content + b"x"))
    assert_refused(answer, "ALS100", "XSD-INHOUD-SIZE")
    gateway.submit()


# Name: method, path, headers, status.
HTTP: dict[str, tuple[str, str, dict[str, str | None], int]] = {
    "PUT": ("PUT", "", {}, 405),
    "DELETE": ("DELETE", "", {}, 405),
    "OPTIONS": ("OPTIONS", "", {}, 405),
    "TRACE": ("TRACE", "", {}, 405),
    "lower-case post": ("post", "", {}, 405),
    "GET without ?wsdl": ("GET", "", {}, 405),
    "GET with another query": ("GET", "?disco", {}, 405),
    "unknown path": ("POST", "/x", {}, 404),
    "path that goes up": ("POST", "/../../../../etc/passwd", {}, 404),
    "gzip": ("POST", "", {"Content-Encoding": "gzip"}, 415),
    "two encodings": ("POST", "", {"Content-Encoding": "identity, gzip"}, 415),
    "multipart/related": ("POST", "", {"Content-Type": "multipart/related; boundary=x"}, 415),
    "multipart/form-data": ("POST", "", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
    "broken multipart": ("POST", "", {"Content-Type": "multipart/form-data"}, 415),
    "form": ("POST", "", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "application/xml": ("POST", "", {"Content-Type": "application/xml"}, 415),
    "SOAP 1.2": ("POST", "", {"Content-Type": "application/soap+xml"}, 415),
    "text/xmlx": ("POST", "", {"Content-Type": "text/xmlx"}, 415),
    "no Content-Type": ("POST", "", {"Content-Type": None}, 415),
    "two Content-Types": ("POST", "", {"content-type": "text/html"}, 415),
    "latin-1": ("POST", "", {"Content-Type": "text/xml; charset=ISO-8859-1"}, 415),
    "utf-16": ("POST", "", {"Content-Type": "text/xml; charset=utf-16"}, 415),
}


@pytest.mark.parametrize("case", HTTP)
def test_http_that_is_no_soap(gateway: Running, case: str) -> None:
    method, path, headers, status = HTTP[case]
    octets = b"" if method in ("GET", "HEAD") else b"<x/>"
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0] + path, len(octets), headers, method=method) + octets)
        answer = wire.answer()
        assert answer.status == status
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text.startswith("[HTTP-")
        assert answer.text.count("\n") == 1
        assert ("allow" in answer.headers) == (status == 405)
        assert answer.headers["connection"] == "close"
        assert wire.closed()
    gateway.submit()


def test_a_compressed_body_is_not_looked_into(gateway: Running) -> None:
    octets = gzip.compress(request_for(gateway))
    answer = gateway.post(gateway.urls[0], octets, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 415


LENGTHS = {
    "one byte too many": str(limits.WIRE_MAX_BYTES + 1),
    "an exabyte": str(10**18),
    "more digits than a number has": "9" * 300,
}


@pytest.mark.parametrize("case", LENGTHS)
def test_a_body_that_announces_to_be_too_large_is_not_read(gateway: Running, case: str) -> None:
    with Wire(gateway, seconds=5) as wire:
        wire.send(head(gateway.urls[0], None, {"Content-Length": LENGTHS[case]}))
        answer = wire.answer()
    assert answer.status == 413
    assert answer.text.startswith("[HTTP-SIZE]")
    assert answer.headers["connection"] == "close"


def test_expect_100_continue_with_a_body_too_large(gateway: Running) -> None:
    with Wire(gateway, seconds=5) as wire:
        wire.send(head(gateway.urls[0], 50_000_000, {"Expect": "100-continue"}))
        assert wire.answer().status == 413


def resident(running: Running) -> int:
    """Return how much memory the gateway uses, in bytes."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_endless_chunks_are_cut_off_at_the_limit(gateway: Running) -> None:
    before = resident(gateway)
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = 0
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0], None, {"Transfer-Encoding": "chunked"}))
        with suppress(ssl.SSLError, OSError):
            while sent < 4 * limits.WIRE_MAX_BYTES:
                wire.send(chunk * 16)
                sent += len(chunk) * 16
        answer = wire.answer()
    assert answer.status == 413
    assert resident(gateway) - before < 3 * limits.WIRE_MAX_BYTES
    gateway.submit()


def test_many_small_chunks_past_the_limit_are_answered_once(gateway: Running) -> None:
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0], None, {"Transfer-Encoding": "chunked"}))
        size = limits.WIRE_MAX_BYTES
        wire.send(f"{size:x}\r\n".encode() + b"x" * size + b"\r\n")
        wire.send(b"1\r\nx\r\n" * 1_000)
        assert wire.answer().status == 413
        wire.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):  # no second answer; the connection lingers
            wire.closed()


@pytest.mark.parametrize("refused_by", ["the parser", "the process"])
def test_memory_is_given_back_after_large_requests(gateway: Running, refused_by: str) -> None:
    """A refusal must not hold the message that it refuses until the collector runs."""
    content = b"x" * 8 * MEBIBYTE
    if refused_by == "the parser":
        octets = b"<x>" + base64.b64encode(content) + b"</x>"
    else:
        octets = request_for(gateway, aanlever_body(content, berichtsoort="Onbekend"))
    for _ in range(2):
        gateway.post(gateway.urls[0], octets)
    before = resident(gateway)
    for _ in range(8):
        assert gateway.post(gateway.urls[0], octets).status_code == 500
    assert resident(gateway) - before < 4 * len(octets)


SMUGGLING = {
    "two lengths": ("Content-Length: 4\r\nContent-Length: 5\r\n", 400),
    "length and chunked": ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400),
    "chunked and length": ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 400),
    "signed length": ("Content-Length: +4\r\n", 400),
    "hexadecimal length": ("Content-Length: 0x4\r\n", 400),
    "two lengths in one": ("Content-Length: 4, 4\r\n", 400),
    "unknown coding": ("Transfer-Encoding: gzip, chunked\r\n", 415),
    "space before the colon": ("Content-Length : 4\r\n", 400),
    "no Host": ("Content-Length: 4\r\n", 400),
    "two Hosts": ("Host: localhost\r\nHost: localhost\r\nContent-Length: 4\r\n", 400),
    "a line that is no header": ("nonsense\r\n", 400),
    "header of 20 kB": (f"X-Long: {'x' * 20_000}\r\n", 431),
    "600 headers": ("".join(f"X-{n}: 1\r\n" for n in range(600)), 431),
}


@pytest.mark.parametrize("case", SMUGGLING)
def test_http_that_two_readers_would_read_differently(gateway: Running, case: str) -> None:
    host = "" if "Host" in case else "Host: localhost\r\n"
    path = gateway.urls[0].removeprefix(gateway.base)
    headers, status = SMUGGLING[case]
    with Wire(gateway, seconds=10) as wire:
        wire.send(
            f"POST {path} HTTP/1.1\r\nContent-Type: text/xml\r\n{host}{headers}\r\n<x/>".encode()
        )
        assert wire.answer().status == status
        assert wire.closed()


def test_what_follows_a_bad_request_is_not_processed(gateway: Running) -> None:
    """A filing that was answered with 400 must not be accepted behind that answer."""
    octets = request_for(gateway)
    path = gateway.urls[0].removeprefix(gateway.base)
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Length: 1", "Content-Length: 1"]
    with Wire(gateway, seconds=10) as wire:
        with suppress(ssl.SSLError, OSError):
            wire.send("\r\n".join(lines).encode() + b"\r\n")
            for line in ("X: 1\r\n", "\r\n"):
                time.sleep(0.05)
                wire.send(line.encode())
            wire.send(octets)
        assert wire.answer().status == 400
        assert wire.closed()


@pytest.mark.parametrize(
    "octets",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
    ],
    ids=["h2 preface", "HTTP/9.9", "HTTP/0.9", "TLS in TLS", "empty lines"],
)
def test_what_is_no_http_1_1(gateway: Running, octets: bytes) -> None:
    with Wire(gateway, seconds=10) as wire:
        wire.send(octets)
        assert wire.answer().status in (400, 404)
    gateway.submit()


def test_the_log_has_one_line_per_request_whatever_is_in_it(gateway: Running) -> None:
    before = len(gateway.log().splitlines())
    with Wire(gateway) as wire:
        wire.send(head(gateway.base + "/{path}%0aINFO%1b", 0))
        assert wire.answer().status == 404
    with Wire(gateway) as wire:
        wire.send(head(gateway.base + "/\x1b[2J\x85", 0))
        assert wire.answer().status == 400
    gateway.post(gateway.urls[0], request_for(gateway), SOAPAction="x\x1b[31m\x85y")
    message_id = f"urn:uuid:{uuid4()}"
    gateway.ask("aanleveren", aanlever_body(), message_id=message_id)
    log = gateway.log()
    lines = log.splitlines()[before:]
    assert "\x1b" not in log
    assert "\x85" not in log
    assert "Traceback" not in log
    path, octets, action, accepted = (
        [line for line in lines if word in line]
        for word in ("HTTP-PATH", "HTTP-FRAMING", "WSA-SOAP-ACTION", message_id)
    )
    assert [len(found) for found in (path, octets, action, accepted)] == [1, 1, 1, 1]
    assert path[0].endswith("from 127.0.0.1")
    assert octets[0].endswith("from 127.0.0.1")
    assert f"from OIN {VENDOR_A_OIN} at 127.0.0.1 refused by" in action[0]
    assert f"accepted from {VENDOR_A_OIN}, sent by OIN {VENDOR_A_OIN} at" in accepted[0]


def test_a_client_that_leaves_midway_leaves_nothing_behind(gateway: Running) -> None:
    """In the head, in the body, and while the answer is being made."""
    octets = request_for(gateway, aanlever_body(reference="ZwaarbelastAanleveren"))
    whole = head(gateway.urls[0], len(octets)) + octets
    for end in (10, 200, len(whole) - 100, len(whole)):
        with Wire(gateway) as wire:
            wire.send(whole[:end])
    gateway.submit()
    time.sleep(2.2)  # the scenario's delay
    log = gateway.log()
    assert "could not be written" not in log
    assert "Unhandled" not in log
    gateway.submit()
