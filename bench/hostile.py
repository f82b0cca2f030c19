"""Hostile messages, and what refusing them costs the gate; transport is not counted."""

import statistics
import time
from collections.abc import Iterator

from bench.local import gate_of, request
from digipoort_wus.names import AANLEVER
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.gate import Rejected, open_request
from digipoort_wus.server.http import Head, HttpRequest

_WIRE = 28_000_000
"""Octets: as much as 20 MiB take in base64."""
_HEAD = Head("POST", AANLEVER.paths[0], "", {"content-type": "text/xml"})
HEADER = ("hostile message", "MB", "CPU ms until refused", "by")


def hostile_rows(pki: TestPki, *, rounds: int) -> Iterator[tuple[str, ...]]:
    """Give a row for each message: median CPU time of the gate, all its threads included."""
    gate = gate_of(pki)
    for name, octets in _messages(pki):
        spent, refused_by = [], ""
        for _ in range(rounds):
            started = time.process_time()
            outcome = open_request(gate, AANLEVER, HttpRequest(_HEAD, octets))
            spent.append(time.process_time() - started)
            if not isinstance(outcome, Rejected):
                raise RuntimeError(f"{name} was accepted")
            refused_by = outcome.refusal.check.id
        yield (
            name,
            f"{len(octets) / 1e6:.1f}",
            f"{statistics.median(spent) * 1000:.1f}",
            refused_by,
        )


def _messages(pki: TestPki) -> Iterator[tuple[str, bytes]]:
    """Give each message, made from one that is signed and right, one after the other."""
    good = request(pki, b"<x/>")

    def inside(tag: bytes, octets: bytes) -> bytes:
        position = good.index(b"</" + tag)
        return good[:position] + octets + good[position:]

    def attributes(octets: bytes) -> bytes:
        return good.replace(b"<t:aanleverRequest ", b"<t:aanleverRequest " + octets + b" ", 1)

    def numbered(pattern: bytes, number: int) -> bytes:
        return b" ".join(pattern % (n, n) for n in range(number))

    reference = good[good.index(b"<ds:Reference") :]
    reference = reference[: reference.index(b"</ds:Reference>") + len(b"</ds:Reference>")]
    yield "16,000 attributes on one element", attributes(numbered(b'a%d="%d"', 16_000))
    yield "28 MB of attributes", attributes(numbered(b'a%d="%d"', 1_500_000))
    yield "65,535 namespaces on one element", attributes(numbered(b'xmlns:n%d="u%d"', 65_535))
    yield (
        "900 namespaces, 4,000 elements",
        inside(
            b"s:Body", b"<a " + numbered(b'xmlns:n%d="u%d"', 900) + b">" + b"<b/>" * 4_000 + b"</a>"
        ),
    )
    long = b"u:" + b"x" * 240
    spaces = b" ".join(b'xmlns:n%d="%b%02d"' % (n, long, n) for n in range(20))
    sorted_ = b" ".join(b'n%d:a%d=""' % (n // 2, n % 2) for n in range(40))
    yield (
        "3,900 attributes in 20 namespaces that are long",
        inside(b"t:aanleverRequest", b"<a %b>%b</a>" % (spaces, b"<b %b/>" % sorted_ * 97)),
    )
    yield (
        "240 namespaces, 1,500 elements",
        inside(
            b"t:aanleverRequest",
            b"<a " + numbered(b'xmlns:n%d="u:%d"', 240) + b">" + b"<n0:b/>" * 1_500 + b"</a>",
        ),
    )
    method = good[good.index(b"<ds:CanonicalizationMethod") :]
    method = method[: method.index(b"/>")]
    yield (
        "a PrefixList of 30,000 prefixes",
        good.replace(
            method + b"/>",
            method
            + b"><c:InclusiveNamespaces xmlns:c='http://www.w3.org/2001/10/xml-exc-c14n#' "
            + b"PrefixList='%b'/></ds:CanonicalizationMethod>" % (b"a " * 30_000),
            1,
        ),
    )
    names = (b"<b%d%b/>" % (n, b"b" * 190) for n in range(900))
    yield "900 names of 200 letters", inside(b"t:aanleverRequest", b"".join(names))
    yield "28 MB of empty elements", inside(b"s:Body", b"<a/>" * (_WIRE // 4))
    yield "4,900 empty elements", inside(b"s:Body", b"<a/>" * 4_900)
    yield "5,000 references", good.replace(reference, reference * 5_000)
    yield "a depth of 1,000,000", inside(b"s:Body", b"<a>" * 1_000_000 + b"</a>" * 1_000_000)
    yield "a depth of 2,000", inside(b"s:Body", b"<a>" * 2_000 + b"</a>" * 2_000)
    yield "a name of 28 MB", inside(b"s:Body", b"<" + b"a" * _WIRE + b"/>")
    yield "a name of an attribute of 28 MB", attributes(b"a" * _WIRE + b'="1"')
    yield "a value of 28 MB", attributes(b'a="' + b"a" * _WIRE + b'"')
    yield "a text of 28 MB in wsa:To", inside(b"a:To", b"a" * _WIRE)
    yield "a text of 28 MB in a DigestValue", inside(b"ds:DigestValue", b"A" * _WIRE)
    yield "white space of 28 MB in SignedInfo", inside(b"ds:SignedInfo", b" " * _WIRE)
    yield "a comment of 28 MB", inside(b"s:Body", b"<!--" + b"a" * _WIRE + b"-->")
    yield "an instruction of 28 MB", inside(b"s:Body", b"<?x " + b"a" * _WIRE + b"?>")
    yield "contents of 28 MB of references", inside(b"t:inhoud", b"&amp;" * (_WIRE // 5))
    yield "contents of 28 MB of other letters", inside(b"t:inhoud", "é".encode() * (_WIRE // 2))
    entities = b"".join(b"<!ENTITY e%d '&e%d;'>" % (n + 1, n) for n in range(100_000))
    yield "100,000 entities", b"<!DOCTYPE a [" + entities + b"]><a>&e99999;</a>"
    different = (
        b"<a " + numbered(b'n%d_%d="1"', 60).replace(b"_", b"_%d_" % n) for n in range(300)
    )
    yield "18,000 different names", inside(b"s:Body", b"/>".join(different) + b"/>")
