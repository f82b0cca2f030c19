"""Judges large filings in a process of its own, in which every octet that is digested counts.

Whatever calls the hashes does so in the process in which they were replaced before
anything was imported. Prints a JSON document: for each case the check and the octets.
"""

import hashlib
from typing import Any

DIGESTED = [0]


def counting(make: Any) -> Any:
    """Return a constructor of hashes that count what they are given."""

    class Counting:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._real = make(*arguments, **options)
            # Octets at once are an argument, behind the name where there is one.
            first = [one for one in arguments if not isinstance(one, str)]
            DIGESTED[0] += sum(len(one) for one in first)

        def update(self, data: Any) -> None:
            DIGESTED[0] += len(data)
            self._real.update(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    return Counting


for _name in ("new", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
    setattr(hashlib, _name, counting(getattr(hashlib, _name)))

# ruff: noqa: E402 - the hashes are replaced first
import json
from collections.abc import Callable

from lxml import etree

from digipoort_wus import limits
from digipoort_wus.names import AANLEVER, DS
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from digipoort_wus.pki.testplan import Generation
from digipoort_wus.server.gate import Gate, Opened, open_request
from digipoort_wus.server.stored import as_request
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from tests.conftest import CERTS_TEST
from tests.messages import NOW, aanlever_body, envelope, signed
from tests.unit.wss.test_verify import trust_of

Large = dict[str, bytes]
"""A filing of the largest size by each of a few signers."""


def made(generation: Generation) -> TestPki:
    return make_pki(generation, now=NOW, key_source=keys_from(CERTS_TEST / generation))


def judged(pki: TestPki, octets: bytes) -> tuple[str, int]:
    """Return the check that refuses, empty for none, and how many octets were digested."""
    gate = Gate(
        policy=DIGIPOORT_1_2,
        trust=trust_of(pki),
        identity=pki.identities["gateway-signing"],
        clock=lambda: NOW,
        new_message_id=lambda: "urn:uuid:1",
    )
    request = as_request(octets, AANLEVER, {})
    DIGESTED[0] = 0
    outcome = open_request(gate, AANLEVER, request)
    return "" if isinstance(outcome, Opened) else outcome.refusal.check.id, DIGESTED[0]


def between(octets: bytes, start: bytes, end: bytes) -> tuple[int, int]:
    at = octets.index(start) + len(start)
    return at, octets.index(end, at)


def with_value_of(octets: bytes, other: bytes, name: bytes) -> bytes:
    """Put the text of an element of another message in place of its own."""
    (a, b), (c, d) = (between(one, b"%b>" % name, b"</") for one in (octets, other))
    return octets[:a] + other[c:d] + octets[b:]


def another_key(large: Large) -> bytes:
    return with_value_of(large["vendor-a"], large["agency"], b"SignatureValue")


def damaged(large: Large) -> bytes:
    octets = large["vendor-a"]
    at, _ = between(octets, b"SignatureValue>", b"</")
    return octets[:at] + (b"B" if octets[at : at + 1] == b"A" else b"A") + octets[at + 1 :]


def changed_signed_info(large: Large) -> bytes:
    """Let the digest of the Body be what it is of another Body, as for a forged filing."""
    octets = large["vendor-a"]
    at = octets.rindex(b"DigestValue>", 0, octets.index(b"SignatureValue>")) - len(b"DigestValue>")
    at = octets.rindex(b"DigestValue>", 0, at) + len(b"DigestValue>")
    return octets[:at] + (b"B" if octets[at : at + 1] == b"A" else b"A") + octets[at + 1 :]


def without_a_reference(large: Large) -> bytes:
    root = etree.fromstring(large["vendor-a"], etree.XMLParser(huge_tree=True))
    signed_info = next(root.iter(f"{{{DS}}}SignedInfo"))
    signed_info.remove(signed_info[-1])
    return etree.tostring(root)


CASES: dict[str, Callable[[Large], bytes]] = {
    "nothing": lambda large: large["vendor-a"],
    "a certificate that is revoked": lambda large: large["vendor-revoked"],
    "a certificate that has expired": lambda large: large["vendor-expired"],
    "a certificate of an unknown root": lambda large: large["vendor-a"],
    "another key": another_key,
    "a SignatureValue that was damaged": damaged,
    "a SignedInfo that was changed": changed_signed_info,
    "a part that is not signed": without_a_reference,
}


def main() -> None:
    """Judge every case."""
    g1, g4 = made("g1"), made("g4")
    body = aanlever_body(b"A" * limits.INHOUD_MAX_BYTES)
    names = ("vendor-a", "vendor-revoked", "vendor-expired", "agency")
    large = {name: signed(g1.identities[name], envelope(body)) for name in names}
    found = {
        name: judged(g4 if "root" in name else g1, make(large)) for name, make in CASES.items()
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
