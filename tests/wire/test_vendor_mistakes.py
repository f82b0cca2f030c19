"""Ten mistakes of vendors, made by a real client stack, are explained by name.

zeep writes and our plug-in signs each request; a proxy between the two ends of TLS makes the
mistake, signing again with the vendor's own test key where the mistake is one of the
signer. The gateway is a sandbox in a process of its own. Its fault names the cause, and so
does ``digipoort-wus explain`` for the request that the gateway got.
"""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from digipoort_wus.cli.explain import explain
from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
from digipoort_wus.client.errors import DigipoortFault
from digipoort_wus.clock import system_clock
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party
from digipoort_wus.names import DS, ENVELOPED, WSU
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import Identity, load_certificates, load_crls
from digipoort_wus.testing.proxy import (
    Alter,
    Alterations,
    AlteringProxy,
    Passing,
    indent,
    move_prefix,
)
from digipoort_wus.xmlsafe.c14n import canonicalize
from tests.messages import XBRL
from tests.wire.conftest import Running, served, with_pki

_ID = f"{{{WSU}}}Id"
Canonical = Callable[[etree._Element], bytes]
Change = Callable[[etree._Element], None]


@dataclass(frozen=True)
class Mistake:
    """What is done wrong, and what it must be called.

    Args:
        alter: made with the vendor's identity and another one.
        signer: name of the certificate that signs.
        clock: of the client.
        told: what the fault calls it, where the gateway knows less than the command.
    """

    check: str
    cause: str
    detail: str = ""
    alter: Callable[[Identity, Identity], Alter] | None = None
    signer: str = "vendor-a"
    clock: timedelta = timedelta(0)
    told: str = ""


def inclusive(element: etree._Element) -> bytes:
    """Canonicalise as a signer that leaves out one word in the call."""
    in_scope = etree.fromstring(etree.tostring(element, with_tail=False))
    return etree.tostring(in_scope, method="c14n")


def signed_again(
    identity: Identity, change: Change = lambda root: None, digested: Canonical = canonicalize
) -> Alter:
    """Return an alteration that changes a request and signs it, digesting in some way."""

    def alter(passing: Passing) -> Passing:
        root = etree.fromstring(passing.body)
        change(root)
        by_id = {element.get(_ID): element for element in root.iter()}
        for reference in root.iter(f"{{{DS}}}Reference"):
            part = by_id.get(str(reference.get("URI"))[1:])
            value = next(reference.iter(f"{{{DS}}}DigestValue"))
            if part is not None:
                value.text = base64.b64encode(hashlib.sha256(digested(part)).digest()).decode()
        octets = canonicalize(next(root.iter(f"{{{DS}}}SignedInfo")))
        signature = identity.private_key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        value = next(root.iter(f"{{{DS}}}SignatureValue"))
        value.text = base64.b64encode(signature).decode()
        # A carriage return goes over the wire as it is, as most serialisers write it.
        return replace(passing, body=etree.tostring(root).replace(b"&#13;", b"\r"))

    return alter


def reference_to(root: etree._Element, part: str) -> etree._Element:
    target = next(root.iter(f"{{*}}{part}")).get(_ID)
    return next(r for r in root.iter(f"{{{DS}}}Reference") if r.get("URI") == f"#{target}")


def dangling(root: etree._Element) -> None:
    reference_to(root, "Body").set("URI", "#Body")


def unsigned(root: etree._Element) -> None:
    reference = reference_to(root, "MessageID")
    parent = reference.getparent()
    assert parent is not None
    parent.remove(reference)


def enveloped(root: etree._Element) -> None:
    for transforms in root.iter(f"{{{DS}}}Transforms"):
        transforms.insert(0, etree.Element(f"{{{DS}}}Transform", Algorithm=ENVELOPED))


def mime_lines(root: etree._Element) -> None:
    content = next(root.iter("{*}inhoud"))
    text = content.text or ""
    content.text = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))


def crlf_lines(element: etree._Element) -> bytes:
    """Canonicalise a message whose line ends are still CRLF, as they are in memory."""
    return canonicalize(element).replace(b"\n", b"&#xD;\n")


def crlf_on_the_wire(identity: Identity) -> Alter:
    sign = signed_again(identity, mime_lines, crlf_lines)

    def alter(passing: Passing) -> Passing:
        after = sign(passing)
        return replace(after, body=after.body.replace(b"\n", b"\r\n"))

    return alter


MISTAKES: dict[str, Mistake] = {
    "indented after signing": Mistake(
        "WSS-SIGNATURE", "indented", alter=lambda vendor, other: indent
    ),
    "prefix moved": Mistake(
        "WSS-DIGEST",
        "prefix-renamed",
        "soap-env was moved when it was sent",
        alter=lambda vendor, other: move_prefix,
    ),
    "inclusive c14n": Mistake(
        "WSS-DIGEST",
        "inclusive-c14n",
        alter=lambda vendor, other: signed_again(vendor, digested=inclusive),
    ),
    "dangling Id": Mistake(
        "WSS-REF-TARGET",
        "dangling-id",
        "nothing has #Body",
        alter=lambda vendor, other: signed_again(vendor, dangling),
    ),
    "CRLF": Mistake("WSS-DIGEST", "crlf", alter=lambda vendor, other: crlf_on_the_wire(vendor)),
    "enveloped transform": Mistake(
        "WSS-TRANSFORM",
        "enveloped-transform",
        alter=lambda vendor, other: signed_again(vendor, enveloped),
    ),
    "a wsa header unsigned": Mistake(
        "WSS-COVERAGE",
        "part-unsigned",
        "MessageID",
        alter=lambda vendor, other: signed_again(vendor, unsigned),
    ),
    "certificate of the wrong role": Mistake(
        "PKI-POLICY",
        "certificate-role",
        "it is for TLS client (test)",
        signer="vendor-a-auth",
    ),
    "clock 20 minutes off": Mistake(
        "WSS-EXPIRED",
        "clock",
        "Created is 20 min before the time of receipt",
        clock=timedelta(minutes=-20),
    ),
    "SignatureValue by another key": Mistake(
        "WSS-SIGNATURE",
        "other-key",
        alter=lambda vendor, other: signed_again(other),
        told="other-key-or-damaged",
    ),
}
WHOSE_KEY = "it is that of vendor-b.pem"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sandbox of the generation that has certificates for one role only."""
    folder = tmp_path_factory.mktemp("mistakes")
    with served(with_pki(folder / "data", "g4")) as running:
        yield running


def submit(sandbox: Running, proxy: AlteringProxy, mistake: Mistake) -> DigipoortFault:
    """File something with the client, and return the fault that came back."""
    trust = trust_store(
        load_certificates(sandbox.directory / "ca.pem"),
        load_crls(sandbox.directory / "crl"),
        profiles.TEST,
    )
    with (
        DigipoortClient(
            Endpoints.at(proxy.url),
            identity=sandbox.identity(mistake.signer),
            tls_identity=sandbox.identity("vendor-a"),
            trust=trust,
            clock=lambda: system_clock() + mistake.clock,
        ) as client,
        pytest.raises(DigipoortFault) as caught,
    ):
        client.submit(
            Document("application/xml", "Omzetbelasting.xbrl", XBRL),
            berichtsoort="Omzetbelasting",
            belanghebbende=Party("001000044B37", "Fi"),
        )
    return caught.value


def explained(sandbox: Running, request: Path, at: datetime) -> dict[str, Any]:
    """Run the command on a captured request, and return its first finding."""
    moment = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    words = [str(request), "--json", "--pki-dir", str(sandbox.directory), "--at", moment]
    result = CliRunner().invoke(explain, words)
    assert result.exit_code == 1, result.output
    first: dict[str, Any] = json.loads(result.stdout)["findings"][0]
    return first


@pytest.mark.parametrize("name", MISTAKES)
def test_the_mistake_is_named(sandbox: Running, tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    vendor, other = sandbox.identity("vendor-a"), sandbox.identity("vendor-b")
    alter = mistake.alter
    alterations = Alterations(request=() if alter is None else (alter(vendor, other),))
    with AlteringProxy(sandbox.base, sandbox.directory, alterations=alterations) as proxy:
        fault = submit(sandbox, proxy, mistake)
        (sent,) = proxy.sent
    received_at = datetime.now(UTC)
    # The fault of the sandbox names check and cause.
    assert fault.code == "ALS110"
    assert f"[{mistake.check}]" in fault.text
    assert f"\nOorzaak: {mistake.told or mistake.cause}: " in fault.text
    assert mistake.detail in fault.text
    # So does the command, for the octets that the gateway got.
    request = tmp_path / "request.xml"
    request.write_bytes(sent.body)
    found = explained(sandbox, request, received_at)
    assert (found["check"], found["cause"]) == (mistake.check, mistake.cause)
    assert found["first"]
    assert found["uitleg"].startswith(f"{mistake.cause}: ")
    wanted = WHOSE_KEY if mistake.cause == "other-key" else mistake.detail
    assert wanted in (found["detail"] or "")


def test_without_a_mistake_the_same_way_is_good(sandbox: Running, tmp_path: Path) -> None:
    """The proxy alone breaks nothing, and signing again is no mistake by itself."""
    vendor = sandbox.identity("vendor-a")
    alterations = Alterations(request=(signed_again(vendor, mime_lines),))
    trust = trust_store(
        load_certificates(sandbox.directory / "ca.pem"),
        load_crls(sandbox.directory / "crl"),
        profiles.TEST,
    )
    with (
        AlteringProxy(sandbox.base, sandbox.directory, alterations=alterations) as proxy,
        DigipoortClient(Endpoints.at(proxy.url), identity=vendor, trust=trust) as client,
    ):
        receipt = client.submit(
            Document("application/xml", "Omzetbelasting.xbrl", XBRL),
            berichtsoort="Omzetbelasting",
            belanghebbende=Party("001000044B37", "Fi"),
        )
        assert receipt.kenmerk
        (sent,) = proxy.sent
    request = tmp_path / "request.xml"
    request.write_bytes(sent.body)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "digipoort_wus", "explain", str(request)),
            *("--pki-dir", str(sandbox.directory)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "sender    OIN 00000099000000002000" in done.stdout
