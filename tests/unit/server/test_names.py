"""Messages with names that nobody knows: judged all the same, and nothing stays of them."""

import base64
import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from digipoort_wus.names import AANLEVER, DS, EXC_C14N, SOAP
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.gate import Gate, Opened, open_request
from digipoort_wus.wss.header import WSU_ID, SecurityHeader
from digipoort_wus.wss.oracle import ENGINES
from digipoort_wus.wss.verify import SignedParts, verify_signature
from digipoort_wus.xmlsafe import lookover
from digipoort_wus.xmlsafe.apart import is_apart
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.splice import LargeTexts
from digipoort_wus.xmlsafe.vocabulary import Vocabulary, read_spelling
from tests.messages import XBRL, aanlever_body, envelope, filing, signed
from tests.unit.server.test_gate import gate, request

__all__ = ["gate"]

PROGRAM = """
import gc, itertools, os, random, sys
# For tests.messages: with PYTHONSAFEPATH the folder it runs in is not on the path.
sys.path.append(os.getcwd())
from pathlib import Path
from types import SimpleNamespace
from digipoort_wus.names import ECHO, ECHO_BE, SOAP, WSA
from digipoort_wus.pki.testpki import keys_from, make_pki
from digipoort_wus.server.gate import Gate, open_request
from digipoort_wus.server.http import Head, HttpRequest
from digipoort_wus.wss.policy import POLICIES
from tests.messages import NOW

peer = make_pki("g1", now=NOW, key_source=keys_from(Path("certs-test/g1"))).identities["vendor-a"]
signer = SimpleNamespace(oin="00000099000000002000")
gate = Gate(POLICIES[ECHO_BE.policy], lambda *_: signer, None, lambda: NOW, lambda: "urn:x",
            peer_trust=lambda *_: signer)
head = Head("POST", ECHO_BE.paths[0], "", {"content-type": "text/xml; charset=utf-8",
                                            "soapaction": '""'})
numbers = itertools.count()
draw = random.Random(1)

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

def name(length):
    return f"n{next(numbers)}".ljust(length, "x")

def message(inside, attributes=""):
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header><a:Action>'
        f"{ECHO_BE.request_action(ECHO_BE.operations[0])}</a:Action>"
        f"<a:MessageID>urn:uuid:1</a:MessageID><a:To>https://localhost{ECHO_BE.paths[0]}</a:To>"
        f'</s:Header><s:Body {attributes}><e:echoRequest xmlns:e="{ECHO}" {attributes}>'
        f"<e:text>x</e:text>{inside}</e:echoRequest></s:Body></s:Envelope>"
    ).encode()

def attributes(number, length):
    return " ".join(f"{name(length)}=''" for _ in range(number))

KINDS = {
    "elements": lambda: message("".join(f"<{name(200)}/>" for _ in range(250))),
    "attributes": lambda: message("".join(f"<x {name(200)}=''/>" for _ in range(250))),
    "namespaces": lambda: message("".join(f"<x xmlns='{name(200)}'/>" for _ in range(250))),
    "white space": lambda: message(
        "".join("<x/>" + "".join(draw.choices(" \\t\\n", k=50)) for _ in range(900))),
    "attributes of what is canonicalised": lambda: message("", attributes(60, 250)),
    "broken": lambda: message("<b c=></b>" + "".join(f"<{name(200)}/>" for _ in range(250))),
    "not plain": lambda: message(
        "<x a='>'/>" + "".join(f"<{name(200)}/>" for _ in range(250))),
    "long": lambda: message(
        "<x>" + "a" * 60_000 + "</x>" + "".join(f"<{name(200)}/>" for _ in range(250))),
    "entities": lambda: message("".join(f"&{name(200)};" for _ in range(250))),
    "instructions": lambda: message("".join(f"<?{name(200)} x?>" for _ in range(250))),
}
for kind, make in KINDS.items():
    for number in range(110):
        if number == 10:
            gc.collect()
            before = resident()
        open_request(gate, ECHO_BE, HttpRequest(head, make(), peer.certificate))
    gc.collect()
    print(f"{resident() - before:.1f} MiB by {kind}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_by_names() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[3],
    )
    found = [line.split(" MiB by ") for line in done.stdout.splitlines()]
    grown = {kind: float(size) for size, kind in found}
    assert len(grown) == 10
    # Judged in one thread, each kind leaves 1.4 to 8.8 MiB.
    assert max(grown.values()) < 1, grown


def test_what_is_accepted_is_known_afterwards(
    gate: Gate, g1: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookover, "KNOWN", Vocabulary())
    judged_apart: list[bool] = []

    def engine(header: SecurityHeader, parts: SignedParts, texts: LargeTexts) -> None:
        judged_apart.append(is_apart())
        verify_signature(header, parts, texts)

    watched = replace(gate, engine=engine)

    def judge(octets: bytes) -> str:
        result = open_request(watched, AANLEVER, request(octets))
        return "" if isinstance(result, Opened) else result.refusal.check.id

    good = filing(g1.identities["vendor-a"])
    assert judge(good.replace(b">Bedrijf<", b">bedrijf<")) == "WSS-DIGEST"
    assert judge(good) == ""
    assert judge(good) == ""
    assert judged_apart == [True, True, False]
    # One name more, and nobody knows it.
    assert judge(good.replace(b">Bedrijf<", b"><new-name/>Bedrijf<")) == "WSS-DIGEST"
    assert judge(good.replace(b"<t:berichtsoort>", b"<t:berichtsoort  \n>")) == ""
    assert judged_apart == [True, True, False, True, False]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("familiar", [False, True])
def test_listed_prefixes_that_no_message_had_before(
    gate: Gate, g1: TestPki, monkeypatch: pytest.MonkeyPatch, engine: str, *, familiar: bool
) -> None:
    """lxml leaves out listed prefixes that its thread's dictionary has not; nothing else may."""
    known = Vocabulary()
    monkeypatch.setattr(lookover, "KNOWN", known)
    new = f"p{uuid4().hex}"
    root = envelope(aanlever_body())
    text = etree.tostring(root).replace(
        b"<s:Envelope ", f'<s:Envelope xmlns:{new}="urn:new" xmlns="urn:default" '.encode(), 1
    )
    vendor = g1.identities["vendor-a"]
    octets = signed_again(signed(vendor, etree.fromstring(text)), vendor, [new, "#default"])
    if familiar:
        spelling = read_spelling(octets)
        assert spelling is not None
        known.learn(spelling.names)
    result = open_request(replace(gate, engine=ENGINES[engine]), AANLEVER, request(octets))
    assert isinstance(result, Opened), result
    assert result.parts == (XBRL,)


def signed_again(octets: bytes, identity: Identity, prefixes: Sequence[str]) -> bytes:
    """Return the message with a PrefixList for its Body, made right by its signer."""
    root = etree.fromstring(octets)
    body = root.find(f"{{{SOAP}}}Body")
    signed_info = next(root.iter(f"{{{DS}}}SignedInfo"))
    assert body is not None
    for reference in signed_info.iter(f"{{{DS}}}Reference"):
        if reference.get("URI") == f"#{body.get(WSU_ID)}":
            etree.SubElement(
                reference[0][0], f"{{{EXC_C14N}}}InclusiveNamespaces", PrefixList=" ".join(prefixes)
            )
            digest = hashlib.sha256(canonicalize(body, prefixes)).digest()
            reference[2].text = base64.b64encode(digest).decode()
    value = identity.private_key.sign(
        canonicalize(signed_info), padding.PKCS1v15(), hashes.SHA256()
    )
    next(root.iter(f"{{{DS}}}SignatureValue")).text = base64.b64encode(value).decode()
    return etree.tostring(root)
