"""``digipoort-wus explain``: what it prints, its exit status, and its JSON."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.cli.explain import explain
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import AANLEVER, ECHO, ECHO_BE, SOAP, WSA, Service
from digipoort_wus.pki.testpki import TestPki, write_pki
from digipoort_wus.soap.fault import (
    digikoppeling_fault,
    digikoppeling_fault_of,
    fault_envelope,
    fault_of,
)
from digipoort_wus.testing.proxy import Passing, indent
from tests.messages import NOW, aanlever_body, envelope, filing, signed
from tests.packages import package_of

DOCS = Path(__file__).parents[2] / "docs"
AT = "2026-06-01T12:00:00Z"


@pytest.fixture(scope="session")
def pki_dir(g1: TestPki, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("explain") / "pki"
    write_pki(g1, directory)
    return directory


@pytest.fixture
def run(pki_dir: Path, tmp_path: Path) -> Any:
    def run(octets: bytes | None, *arguments: str, trust: bool = True) -> Result:
        words = [*arguments, *(["--pki-dir", str(pki_dir)] if trust else [])]
        if octets is not None:
            path = tmp_path / "request.xml"
            path.write_bytes(octets)
            words.insert(0, str(path))
        return CliRunner().invoke(explain, words)

    return run


def plain(text: str) -> str:
    """Undo the wrapping of lines."""
    return " ".join(text.split())


def test_an_accepted_request(g1: TestPki, run: Any) -> None:
    result = run(filing(g1.identities["vendor-a"]))
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ACCEPTED  AanleverService under digipoort-1.2\n")
    assert "   sender    OIN 00000099000000002000\n" in result.stdout
    assert "   signed    Timestamp, Body, Action, MessageID, ReplyTo, To\n" in result.stdout
    # Expires, ten minutes, and the skew.
    assert "   until     2026-06-01T12:15:00.000Z\n" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_refused_request(g1: TestPki, run: Any) -> None:
    octets = indent(Passing({}, filing(g1.identities["vendor-a"]))).body
    result = run(octets)
    assert result.exit_code == 1, result.output
    assert re.findall(r"^\d+\. (\S+)(.*)$", result.stdout, re.MULTILINE) == [
        ("WSS-SIGNATURE", "   <- what the gateway says"),
        ("WSS-DIGEST", ""),
        ("WSS-DIGEST", ""),
        ("WSS-DIGEST", ""),
    ]
    assert "cause indented: it was indented after signing" in plain(result.stdout)
    assert "do Sign last, and send exactly what was signed" in plain(result.stdout)
    assert "clause XML Signature §3.2.2" in plain(result.stdout)
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_json_has_the_same(g1: TestPki, run: Any) -> None:
    octets = indent(Passing({}, filing(g1.identities["vendor-a"]))).body
    result = run(octets, "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert list(told) == [
        "accepted", "service", "policy", "at", "oin", "signed", "until", "complete",
        "not_judged", "findings", "certificate",
    ]  # fmt: skip
    assert (told["accepted"], told["complete"]) == (False, True)
    first = told["findings"][0]
    assert list(first) == [
        "check", "clause", "rule", "part", "expected", "received", "cause", "detail",
        "explanation", "uitleg", "remedy", "first",
    ]  # fmt: skip
    assert (first["check"], first["cause"], first["first"]) == ("WSS-SIGNATURE", "indented", True)
    assert first["uitleg"].startswith("indented: het bericht is na het ondertekenen ingesprongen")
    assert [finding["part"] for finding in told["findings"]] == [
        "SignedInfo", "Timestamp", "Body", "ReplyTo",
    ]  # fmt: skip
    certificate = told["certificate"]
    assert certificate["oin"] == "00000099000000002000"
    assert certificate["roles"]["signing"] == {
        "accepted": True, "check": None, "expected": None, "received": None,
    }  # fmt: skip
    assert [link["found_in"] for link in certificate["chain"]] == [
        "given", "trust store", "trust store", "trusted root",
    ]  # fmt: skip


def test_the_canonical_octets_and_where_they_differ(g1: TestPki, run: Any) -> None:
    octets = indent(Passing({}, filing(g1.identities["vendor-a"]))).body
    shown = run(octets, "--show-canonical", "replyto").stdout
    assert "CANONICAL replyto  " in shown
    assert 'xmlns:a="http://www.w3.org/2005/08/addressing"' in shown
    (place,) = re.findall(r"First difference at octet (\d+)", shown)
    rows = re.findall(r"^> ([0-9a-f]{8})  ((?:[0-9a-f]{2} ?)+)", shown, re.MULTILINE)
    assert len(rows) == 2
    for start, _ in rows:
        assert int(start, 16) <= int(place) < int(start, 16) + 16
    at = int(place) - int(rows[0][0], 16)
    assert rows[0][1].split()[at] == "0a"
    assert rows[1][1].split()[at] == "3c"
    missing = run(octets, "--show-canonical", "FaultTo")
    assert missing.exit_code == 2
    assert "has no part FaultTo" in missing.stderr


def test_the_clock_is_judged_when_the_time_is_given(g1: TestPki, run: Any) -> None:
    octets = filing(g1.identities["vendor-a"], created=NOW - timedelta(minutes=20))
    assert run(octets).exit_code == 0
    result = run(octets, "--at", AT, "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["check"], finding["cause"]) == ("WSS-EXPIRED", "clock")
    assert "20 min before" in finding["detail"]


def head_of(body: bytes, *lines: str, action: str = "", kind: str = "text/xml") -> bytes:
    """Return a head, with a true Content-Length unless the lines say how long the body is."""
    length = "" if "-Length:" in str(lines) or "Transfer" in str(lines) else len(body)
    head = [
        f"POST {AANLEVER.paths[0]} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {kind}; charset=utf-8",
        f'SOAPAction: "{action}"',
        *([f"Content-Length: {length}"] if length != "" else []),
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode()


def test_a_whole_http_request(g1: TestPki, run: Any) -> None:
    body = filing(g1.identities["vendor-a"])
    action = AANLEVER.request_action(AANLEVER.operations[0])
    assert run(head_of(body, action=action) + body).exit_code == 0
    half = len(body) // 2
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        half, body[:half], len(body) - half, body[half:],
    )  # fmt: skip
    assert run(head_of(body, "Transfer-Encoding: chunked") + chunks).exit_code == 0
    wrong = run(head_of(body, action="other") + body, "--json")
    (finding,) = json.loads(wrong.stdout)["findings"]
    assert finding["check"] == "WSA-SOAP-ACTION"
    wrong = run(head_of(body, kind="application/soap+xml") + body, "--json")
    (finding,) = json.loads(wrong.stdout)["findings"]
    assert (finding["check"], finding["first"]) == ("HTTP-CONTENT-TYPE", True)


def test_line_ends_that_a_tool_changed_are_no_mistake(g1: TestPki, run: Any) -> None:
    body = filing(g1.identities["vendor-a"])
    stored = head_of(body).replace(b"\r\n", b"\n") + body
    assert run(stored).exit_code == 0
    assert run(stored + b"\n").exit_code == 0
    # A body of two lines, of which the line end was two octets.
    lines = body.replace(b"><", b">\r\n<", 1)
    assert b"\r\n" in lines
    whole = head_of(lines) + lines
    both = [
        [f["check"] for f in json.loads(run(octets, "--json").stdout)["findings"]]
        for octets in (whole, whole.replace(b"\r\n", b"\n"))
    ]
    assert both[0] == both[1]
    assert "HTTP-FRAMING" not in both[0]


FRAMED: dict[str, tuple[str, str, Callable[[bytes], bytes]]] = {
    "Content-Length too small": (
        "HTTP-FRAMING", "another request",
        lambda b: head_of(b, f"Content-Length: {len(b) - 100}") + b,
    ),
    "Content-Length too large": (
        "HTTP-DEADLINE", "octets", lambda b: head_of(b, f"Content-Length: {len(b) + 7}") + b,
    ),
    "no length": (
        "HTTP-FRAMING", "neither; ",
        lambda b: head_of(b).replace(b"Content-Length", b"X-Length") + b,
    ),
    "two lengths": (
        "HTTP-FRAMING", "", lambda b: head_of(b, "Content-Length: 1", "Content-Length: 2") + b,
    ),
    "length and chunks": (
        "HTTP-FRAMING", "",
        lambda b: head_of(b, f"Content-Length: {len(b)}", "Transfer-Encoding: chunked") + b,
    ),
    "a length in words": (
        "HTTP-FRAMING", "another Content-Length", lambda b: head_of(b, "Content-Length: +9") + b,
    ),
    "two Hosts": ("HTTP-HOST", "2", lambda b: head_of(b, "Host: other") + b),
    "no Host": ("HTTP-HOST", "0", lambda b: head_of(b).replace(b"Host: ", b"X-Host: ") + b),
    "a folded header": ("HTTP-FRAMING", "a folded header", lambda b: head_of(b, "X: y", " z") + b),
    "a bare LF": ("HTTP-FRAMING", "a bare", lambda b: head_of(b, "X: y\nZ: q") + b),
    "an extension of a chunk": (
        "HTTP-FRAMING", "another line",
        lambda b: (
            head_of(b, "Transfer-Encoding: chunked") + b"%x;x=y\r\n%b\r\n0\r\n\r\n" % (len(b), b)
        ),
    ),
    "no last chunk": (
        "HTTP-DEADLINE", "none",
        lambda b: head_of(b, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n" % (len(b), b),
    ),
    "HTTP/2": ("HTTP-FRAMING", "", lambda b: head_of(b).replace(b"HTTP/1.1", b"HTTP/2.0") + b),
}  # fmt: skip


@pytest.mark.parametrize("case", FRAMED)
def test_framing_that_a_gateway_refuses_is_a_finding(g1: TestPki, run: Any, case: str) -> None:
    check, received, make = FRAMED[case]
    octets = make(filing(g1.identities["vendor-a"]))
    result = run(octets, "--json")
    assert result.exit_code == 1, result.output
    findings = json.loads(result.stdout)["findings"]
    (found,) = (finding for finding in findings if finding["check"] == check)
    assert received in (found["received"] or "")
    assert found["remedy"] != found["rule"]
    assert sum(finding["first"] for finding in findings) == 1
    # What a gateway reads as another request is refused behind the first one.
    assert found["first"] is ("another request" not in received and "neither" not in received)


def test_behind_a_framing_that_is_wrong_the_rest_is_told(g1: TestPki, run: Any) -> None:
    body = indent(Passing({}, filing(g1.identities["vendor-a"]))).body
    for octets in (FRAMED["two Hosts"][2](body), FRAMED["length and chunks"][2](body)):
        told = json.loads(run(octets, "--json").stdout)["findings"]
        assert told[0]["first"]
        assert {"WSS-SIGNATURE", "WSS-DIGEST"} <= {finding["check"] for finding in told}


def test_what_stands_behind_an_accepted_request(g1: TestPki, run: Any) -> None:
    body = filing(g1.identities["vendor-a"])
    result = run(head_of(body) + body + b"GET / HTTP/1.1\r\n\r\n")
    assert result.exit_code == 1
    assert result.stdout.startswith("ACCEPTED")
    assert "18 octets behind the body are another request" in plain(result.stdout)


def test_a_package_of_mtom(g1: TestPki, run: Any) -> None:
    """Its contents stand beside it, and the signature is over the message with them in place."""
    package = package_of(filing(g1.identities["vendor-a"]))

    def whole(body: bytes) -> bytes:
        head = (
            f"POST {AANLEVER.paths[0]} HTTP/1.1\nHost: localhost\n"
            f"Content-Type: {package.content_type}\nContent-Length: {len(body)}\n\n"
        )
        return head.encode() + body

    result = run(whole(package.body))
    assert result.exit_code == 0, result.output
    changed = package.body.replace(b"Omzetbelasting.xbrl", b"Omzetbelasting.xml")
    told = json.loads(run(whole(changed), "--json").stdout)
    assert [(f["check"], f["part"]) for f in told["findings"]] == [("WSS-DIGEST", "Body")]
    (finding,) = json.loads(run(whole(package.body[:-40]), "--json").stdout)["findings"]
    assert (finding["check"], finding["first"]) == ("MIME-FORM", True)
    alone = run(package.body)
    assert alone.exit_code == 2
    assert "an MTOM package without the head of its request" in plain(alone.stderr)


def test_several_mistakes_at_once_are_all_told(g1: TestPki, run: Any) -> None:
    """What node-soap sends by default, and more: nobody shall find these one at a time."""

    def changed(root: etree._Element) -> None:
        namespace = "http://www.w3.org/2000/09/xmldsig#"
        for transforms in root.iter(f"{{{namespace}}}Transforms"):
            etree.SubElement(
                transforms, f"{{{namespace}}}Transform", Algorithm=f"{namespace}enveloped-signature"
            )
        signed_info = next(root.iter(f"{{{namespace}}}SignedInfo"))
        signed_info.remove(signed_info[-1])
        mime_type = next(root.iter("{*}mimeType"))
        mime_type.tag = mime_type.tag.replace("mimeType", "mime")  # type: ignore[union-attr, arg-type]
        next(root.iter("{*}MessageID")).getparent().append(etree.Element("{urn:x}own"))  # type: ignore[union-attr]

    octets = filing(g1.identities["vendor-revoked"], change=changed)
    told = json.loads(run(octets, "--json", "--soap-action", "urn:other").stdout)
    assert [finding["check"] for finding in told["findings"]] == [
        "SOAP-HEADER-FOREIGN", "WSA-SOAP-ACTION", "WSS-TRANSFORM", "WSS-COVERAGE", "PKI-REVOKED",
        "WSS-SIGNATURE", "WSS-DIGEST", "XSD-VALID",
    ]  # fmt: skip
    assert [finding["first"] for finding in told["findings"]] == [True] + 7 * [False]
    causes = {finding["check"]: finding["cause"] for finding in told["findings"]}
    assert causes["WSS-TRANSFORM"] == "enveloped-transform"
    assert causes["WSS-COVERAGE"] == "part-unsigned"
    assert causes["PKI-REVOKED"] == "certificate-revoked"
    assert told["complete"]


def test_comments_do_not_hide_the_rest(g1: TestPki, run: Any) -> None:
    octets = filing(g1.identities["vendor-a"]).replace(b"mimeType>", b"mime>")
    octets = octets.replace(b"<t:mime>", b"<!-- x --><t:mime>")
    told = json.loads(run(octets, "--json").stdout)
    assert [finding["check"] for finding in told["findings"]] == [
        "XML-COMMENT", "WSS-DIGEST", "XSD-VALID",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("octets", "check"),
    [
        (b"<aanleverRequest ", "XML-WELL-FORMED"),
        (b"<!DOCTYPE a><aanleverRequest/>", "XML-DOCTYPE"),
        (b"<aanleverRequest/>", "SOAP-ENVELOPE"),
    ],
)
def test_what_is_no_message(run: Any, octets: bytes, check: str) -> None:
    result = run(octets, "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert [finding["check"] for finding in told["findings"]] == [check]
    assert not told["complete"]


def test_a_certificate_alone(g1: TestPki, pki_dir: Path, run: Any) -> None:
    result = run(None, "--cert", str(pki_dir / "vendor-a.pem"), "--at", AT)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("CERTIFICATE  TEST vendor-a\n")
    assert re.search(r"TLS client +yes", result.stdout)
    assert re.search(r"signing +yes", result.stdout)
    assert "not revoked; CRL until " in result.stdout
    expired = run(None, "--cert", str(pki_dir / "vendor-expired.pem"), "--at", AT, "--json")
    assert expired.exit_code == 1
    roles = json.loads(expired.stdout)["roles"]
    assert {role["check"] for role in roles.values()} == {"PKI-VALIDITY"}
    ca = run(None, "--cert", str(pki_dir / "ca.pem"), "--at", AT)
    assert ca.exit_code == 1
    assert "good for nothing that is known here" in plain(ca.stdout)


def test_files_of_ones_own(g1: TestPki, pki_dir: Path, tmp_path: Path, run: Any) -> None:
    octets = filing(g1.identities["vendor-a"])
    own = ["--ca-file", str(pki_dir / "ca.pem"), "--crl-dir", str(pki_dir / "crl")]
    assert run(octets, *own, "--mode", "test", trust=False).exit_code == 0
    # In production mode a test certificate is nobody's, and SHA-1 is not accepted.
    told = json.loads(run(octets, *own, "--json", trust=False).stdout)
    assert [finding["check"] for finding in told["findings"]] == ["PKI-POLICY"]
    for wrong in (own[:2], [*own, "--pki-dir", str(pki_dir)]):
        assert run(octets, *wrong, trust=False).exit_code == 2
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    result = run(octets, "--ca-file", str(broken), *own[2:], trust=False)
    assert result.exit_code == 2
    assert "holds no certificate" in result.stderr


def test_whose_key_signed(g1: TestPki, pki_dir: Path, run: Any) -> None:
    """The key of the certificate of --cert, or of one in the directory."""
    root = envelope(aanlever_body())
    octets = signed(g1.identities["vendor-b"], root)
    token = g1.identities["vendor-a"].certificate.public_bytes(Encoding.DER)
    tag = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
    next(root.iter(f"{tag}BinarySecurityToken")).text = base64.b64encode(token).decode()
    octets = etree.tostring(root)
    (finding,) = json.loads(run(octets, "--json").stdout)["findings"]
    assert (finding["cause"], finding["detail"]) == ("other-key", "it is that of vendor-b.pem")
    own = ["--ca-file", str(pki_dir / "ca.pem"), "--crl-dir", str(pki_dir / "crl")]
    given = ["--cert", str(pki_dir / "vendor-b.pem"), "--mode", "test", *own]
    (finding,) = json.loads(run(octets, "--json", *given, trust=False).stdout)["findings"]
    assert finding["detail"] == "it is that of certificate 1 of --cert"


def test_without_trust_nothing_is_said_to_be_accepted(
    g1: TestPki, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revoked certificate would pass: that nobody judged it is said, and has its own status."""
    monkeypatch.chdir(tmp_path)
    octets = filing(g1.identities["vendor-revoked"])
    result = run(octets, trust=False)
    assert result.exit_code == 3
    assert result.stdout.startswith("UNDECIDED AanleverService under digipoort-1.2\n")
    assert "unjudged The certificate, its chain, dates and CRLs: give --pki-dir" in plain(
        result.stdout
    )
    told = json.loads(run(octets, "--json", trust=False).stdout)
    assert told["accepted"] is None
    assert told["not_judged"] == ["certificate", "clock", "connection"]
    # What is wrong otherwise is refused all the same, and the certificate still unjudged.
    refused = run(octets.replace(b">Omzetbelasting<", b">Omzetbelastinh<"), trust=False)
    assert refused.exit_code == 1
    assert "Certificates were not judged" in refused.stdout
    nobody = run(None, "--cert", str(Path(__file__)), trust=False)
    assert nobody.exit_code == 2


def test_with_trust_and_time_little_is_left(g1: TestPki, run: Any) -> None:
    octets = filing(g1.identities["vendor-a"])
    assert json.loads(run(octets, "--json").stdout)["not_judged"] == ["clock", "connection"]
    result = run(octets, "--json", "--at", AT)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["accepted"]) == (0, True)
    assert told["not_judged"] == ["connection"]
    assert json.loads(run(filing(g1.identities["vendor-revoked"]), "--json").stdout)[
        "not_judged"
    ] == []  # fmt: skip


def test_the_statuses_are_told_in_the_help_and_the_page() -> None:
    helped = CliRunner().invoke(explain, ["--help"]).stdout
    page = (DOCS / "how-to" / "explain.md").read_text()
    assert re.findall(r"^ +([0-9])  ", helped, re.MULTILINE) == ["0", "1", "2", "3"]
    assert re.findall(r"^\| ([0-9]) \|", page, re.MULTILINE) == ["0", "1", "2", "3"]


def test_who_connects_is_judged_where_nobody_signs(g1: TestPki, pki_dir: Path, run: Any) -> None:
    """Under 2W-be the certificate of --cert is that of the connection."""
    octets = (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
        f"<a:To>https://localhost:8443{ECHO_BE.paths[0]}</a:To>"
        f"<a:Action>{ECHO_BE.request_action(ECHO_BE.operations[0])}</a:Action>"
        "<a:MessageID>urn:uuid:1b671a64-40d5-491e-99b0-da01ff1f3341</a:MessageID></s:Header>"
        f'<s:Body><e:echoRequest xmlns:e="{ECHO}"><e:text>x</e:text></e:echoRequest></s:Body>'
        "</s:Envelope>"
    ).encode()
    words = ["--policy", ECHO_BE.policy, "--at", AT, "--json"]
    good = run(octets, *words, "--cert", str(pki_dir / "vendor-a.pem"))
    assert good.exit_code == 0, good.output
    revoked = run(octets, *words, "--cert", str(pki_dir / "vendor-revoked.pem"))
    assert revoked.exit_code == 1
    (finding,) = json.loads(revoked.stdout)["findings"]
    assert (finding["check"], finding["first"]) == ("PKI-REVOKED", True)


def test_wrong_use(g1: TestPki, run: Any) -> None:
    assert run(None).exit_code == 2
    assert run(b"<a/>").exit_code == 2
    octets = filing(g1.identities["vendor-a"])
    for words in (["--at", "yesterday"], ["--service", "Other"], ["--policy", "none"]):
        assert run(octets, *words).exit_code == 2
    assert run(octets, "--url", "https://localhost/elsewhere").exit_code == 2
    assert run(b"POST / HTTP/1.1").exit_code == 2


# --- Files that are no request --------------------------------------------------------------


def answer_of(g1: TestPki) -> bytes:
    root = etree.fromstring(filing(g1.identities["vendor-a"]))
    child = root[-1][0]
    child.tag = "{http://logius.nl/digipoort/koppelvlakservices/1.2/}aanleverResponse"
    return etree.tostring(root)


UNFIT: dict[str, tuple[str, Callable[[TestPki], bytes]]] = {
    "empty": ("The file is empty.", lambda _: b""),
    "white space": ("The file is empty.", lambda _: b" \r\n"),
    "an answer": ("is an answer of AanleverService (aanleverResponse), no request", answer_of),
    "binary": ("The file is binary, no request.", lambda _: b"\x01\x00\xff" * 20),
    "gzip": ("compressed with gzip", lambda _: b"\x1f\x8b\x08" + bytes(20)),
    "a packet capture": ("encrypted by TLS", lambda _: b"\xd4\xc3\xb2\xa1" + bytes(20)),
    "a certificate": (
        "is a certificate (PEM). A certificate is explained with --cert.",
        lambda pki: pki.identities["vendor-a"].certificate.public_bytes(Encoding.PEM),
    ),
    "a certificate in DER": (
        "--cert", lambda pki: pki.identities["vendor-a"].certificate.public_bytes(Encoding.DER),
    ),
    "a key": ("is a private key", lambda _: b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"),
    "UTF-16": (
        "UTF-8 only",
        lambda pki: filing(pki.identities["vendor-a"]).decode().encode("utf-16"),
    ),
    "a head without its body": (
        "head of a request and no body", lambda _: head_of(b"", "Accept: x"),
    ),
    "a head with LF": (
        "head of a request and no body", lambda _: head_of(b"").replace(b"\r\n", b"\n"),
    ),
    "a question": ("is a GET request", lambda _: b"GET /x?wsdl HTTP/1.1\r\nHost: x\r\n\r\n"),
    "an HTTP answer": (
        "HTTP answer with status 200", lambda pki: b"HTTP/1.1 200 OK\r\n\r\n" + answer_of(pki),
    ),
    "text": ("is text, and no XML", lambda _: b"hello"),
    "other XML": ("XML with the root xbrl, no SOAP message", lambda _: b"<xbrl/>"),
    "another SOAP message": (
        "something is the request of no service here: give --service or --url",
        lambda _: b"<s:Envelope xmlns:s='%b'><s:Body><something/></s:Body></s:Envelope>"
        % SOAP.encode(),
    ),
    "XML that is cut off": ("cannot be parsed (XML-WELL-FORMED)", lambda _: b"<a"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_what_is_no_request_is_told_as_what_it_is(g1: TestPki, run: Any, case: str) -> None:
    said, make = UNFIT[case]
    result = run(make(g1))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert said in plain(result.stderr)


def fault_for(check: Check, *, explain_it: bool, service: Service = AANLEVER) -> bytes:
    refusal = Refusal(check, expected="this", received="that")
    if service.fault_prefix:
        made = fault_of(refusal, service, explain=explain_it)
        return fault_envelope(made, service, None, message_id="urn:1", relates_to=None)
    told = digikoppeling_fault_of(refusal, explain=explain_it)
    root = digikoppeling_fault(told, service, None, message_id="urn:1", relates_to=None)
    return etree.tostring(root)


def test_a_fault_of_production_is_explained_by_its_code(run: Any) -> None:
    octets = fault_for(checks.PKI_REVOKED, explain_it=False)
    for whole in (octets, b"HTTP/1.1 500 Oops\r\nContent-Type: text/xml\r\n\r\n" + octets):
        result = run(whole)
        assert result.exit_code == 1, result.output
        assert result.stdout.startswith("FAULT     ALS110\n")
        shown = plain(result.stdout)
        assert "faultcode soapenv:Client" in shown
        assert "text Het bericht voldoet niet aan de koppelvlakspecificatie" in shown
        assert "meaning AanleverService: signature or certificate" in shown
        assert "PKI-REVOKED: " in shown
        assert "WSS-DIGEST: " in shown
        assert "PARTY-ENABLED" not in shown
        assert "do Give the request that was refused to this command" in shown
    told = json.loads(run(octets, "--json").stdout)
    assert (told["refusal"]["code"], told["named"]) == ("ALS110", False)
    named = {entry["check"] for entry in told["checks"]}
    assert named == {c.id for c in checks.CATALOGUE if c.code == 110 and c.http is None}


def test_a_fault_of_a_sandbox_names_its_check(run: Any) -> None:
    result = run(fault_for(checks.WSS_DIGEST, explain_it=True))
    assert result.exit_code == 1
    shown = plain(result.stdout)
    assert "check WSS-DIGEST" in shown
    assert f"clause {checks.WSS_DIGEST.clause}" in shown
    assert "do Compare the canonical octets of --show-canonical" in shown
    assert "\n   checks" not in result.stdout


def test_a_fault_of_digikoppeling(run: Any) -> None:
    octets = fault_for(checks.XML_ENCODING, explain_it=False, service=ECHO_BE)
    told = json.loads(run(octets, "--json").stdout)
    assert told["refusal"]["code"] == "0009"
    assert [entry["check"] for entry in told["checks"]] == ["XML-ENCODING"]
    octets = fault_for(checks.WSS_DIGEST, explain_it=False, service=ECHO_BE)
    told = json.loads(run(octets, "--json").stdout)
    assert told["refusal"]["faultcode"] == "wsse:FailedCheck"
    assert "WSS-DIGEST" in {entry["check"] for entry in told["checks"]}
    assert "XSD-VALID" not in {entry["check"] for entry in told["checks"]}


def test_every_code_of_a_fault_has_a_meaning(run: Any) -> None:
    for check in checks.CATALOGUE:
        if check.http is None:
            told = json.loads(run(fault_for(check, explain_it=False), "--json").stdout)
            assert told["refusal"]["meaning"], check.id
            assert check.id in {entry["check"] for entry in told["checks"]}


def test_a_refusal_in_one_line(run: Any) -> None:
    line = f"{Refusal(checks.HTTP_SIZE, received='9').explanation()}\n".encode()
    for octets in (line, b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\n" + line):
        result = run(octets)
        assert result.exit_code == 1
        assert "check HTTP-SIZE" in plain(result.stdout)
    bare = run(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html/>")
    assert bare.exit_code == 1
    assert "none here has this code: it is of another system" in plain(bare.stdout)


def test_the_fault_of_another_system(run: Any) -> None:
    octets = fault_for(checks.PKI_REVOKED, explain_it=False).replace(b"ALS110", b"XYZ\xe2\x80\xae1")
    result = run(octets)
    assert result.exit_code == 1
    assert "of another system" in plain(result.stdout)
    assert "\u202e" not in result.stdout


def test_a_signature_that_is_no_base64_hides_nothing(g1: TestPki, run: Any) -> None:
    octets = filing(g1.identities["vendor-a"]).replace(b">Omzetbelasting<", b">Omzetbelastinh<")
    octets = re.sub(rb"(<ds:SignatureValue>)....", rb"\1%%%%", octets)
    assert b"%%%%" in octets
    told = json.loads(run(octets, "--json").stdout)["findings"]
    assert (told[0]["check"], told[0]["cause"]) == ("WSS-SIGNATURE-FORM", "not-base64")
    assert told[0]["detail"] == "SignatureValue holds the character %"
    assert "WSS-DIGEST" in {finding["check"] for finding in told}


def test_the_command_is_there(g1: TestPki, pki_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "digipoort_wus", "explain", "-", "--pki-dir", str(pki_dir)],
        input=filing(g1.identities["vendor-a"]),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"ACCEPTED")


def test_the_example_of_the_documentation(g1: TestPki, run: Any) -> None:
    page = (DOCS / "how-to" / "explain.md").read_text()
    (example,) = re.findall(r"```text\n(REFUSED.*?)```", page, re.DOTALL)
    octets = filing(g1.identities["vendor-a"])
    found = run(indent(Passing({}, octets)).body).stdout
    # Digests differ from message to message.
    hidden = re.compile(r"[A-Za-z0-9+/]{43}=")
    assert hidden.sub("...", found) == hidden.sub("...", example)
