"""``digipoort-wus explain``: what it prints, its exit status, and its JSON."""

import base64
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.cli.explain import explain
from digipoort_wus.names import AANLEVER
from digipoort_wus.pki.testpki import TestPki, write_pki
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
        "accepted", "service", "policy", "at", "oin", "signed", "until", "complete", "findings",
        "certificate",
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


def test_a_whole_http_request(g1: TestPki, run: Any) -> None:
    body = filing(g1.identities["vendor-a"])
    head = (
        f"POST {AANLEVER.paths[0]} HTTP/1.1\r\nHost: localhost\r\n"
        'Content-Type: text/xml; charset=utf-8\r\nSOAPAction: "{}"\r\n'
    )
    good = head.format(AANLEVER.request_action(AANLEVER.operations[0])).encode()
    assert run(good + b"\r\n" + body).exit_code == 0
    half = len(body) // 2
    chunks = b"%x\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\n\r\n" % (
        half, body[:half], len(body) - half, body[half:],
    )  # fmt: skip
    assert run(good + b"Transfer-Encoding: chunked\r\n\r\n" + chunks).exit_code == 0
    wrong = run(head.format("other").encode() + b"\r\n" + body, "--json")
    (finding,) = json.loads(wrong.stdout)["findings"]
    assert finding["check"] == "WSA-SOAP-ACTION"
    type_of = head.replace("text/xml", "application/soap+xml").format("").encode()
    wrong = run(type_of + b"\r\n" + body, "--json")
    (finding,) = json.loads(wrong.stdout)["findings"]
    assert (finding["check"], finding["first"]) == ("HTTP-CONTENT-TYPE", True)


def test_a_package_of_mtom(g1: TestPki, run: Any) -> None:
    """Its contents stand beside it, and the signature is over the message with them in place."""
    package = package_of(filing(g1.identities["vendor-a"]))
    head = (
        f"POST {AANLEVER.paths[0]} HTTP/1.1\nHost: localhost\n"
        f"Content-Type: {package.content_type}\n\n"
    ).encode()
    result = run(head + package.body)
    assert result.exit_code == 0, result.output
    changed = package.body.replace(b"Omzetbelasting.xbrl", b"Omzetbelasting.xml")
    told = json.loads(run(head + changed, "--json").stdout)
    assert [(f["check"], f["part"]) for f in told["findings"]] == [("WSS-DIGEST", "Body")]
    cut = run(head + package.body[:-40], "--json")
    (finding,) = json.loads(cut.stdout)["findings"]
    assert (finding["check"], finding["first"]) == ("MIME-FORM", True)


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


def test_without_trust_certificates_are_not_judged(
    g1: TestPki, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(filing(g1.identities["vendor-revoked"]), trust=False)
    assert result.exit_code == 0
    assert "Certificates were not judged" in result.stdout
    nobody = run(None, "--cert", str(Path(__file__)), trust=False)
    assert nobody.exit_code == 2


def test_wrong_use(g1: TestPki, run: Any) -> None:
    assert run(None).exit_code == 2
    assert run(b"<a/>").exit_code == 2
    octets = filing(g1.identities["vendor-a"])
    for words in (["--at", "yesterday"], ["--service", "Other"], ["--policy", "none"]):
        assert run(octets, *words).exit_code == 2
    assert run(octets, "--url", "https://localhost/elsewhere").exit_code == 2
    assert run(b"POST / HTTP/1.1").exit_code == 2


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
