"""Each cause is named for a message whose signer really made that mistake."""

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

import digipoort_wus
from digipoort_wus import checks
from digipoort_wus.errors import Hint, Refusal
from digipoort_wus.names import DS, ENVELOPED, RSA_SHA1, SOAP, WSA, WSSE, WSU
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.testing.proxy import Passing, indent, move_prefix
from digipoort_wus.wss.causes.advice import _READERS
from digipoort_wus.wss.causes.loose import read_loosely
from digipoort_wus.wss.causes.remedies import REMEDIES
from digipoort_wus.wss.causes.render import Style, render
from digipoort_wus.wss.causes.table import CAUSES
from digipoort_wus.wss.explain import Mismatch, mismatches, short_cause
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SUITE_SHA256
from digipoort_wus.wss.sign import sign_request
from digipoort_wus.wss.verify import verify_envelope
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW, aanlever_body, envelope, filing, signed
from tests.unit.wss.test_verify import trust_of

NS = {"s": SOAP, "a": WSA, "wsse": WSSE, "wsu": WSU, "ds": DS}
VECTORS = sorted((Path(__file__).parents[2] / "vectors").glob("*.xml"))
Digested = Callable[[etree._Element], bytes]


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, NS)
    assert found is not None, path
    return found


def reference_to(root: etree._Element, part: str) -> etree._Element:
    target = find(root, part).get(f"{{{WSU}}}Id")
    return find(root, f".//ds:Reference[@URI='#{target}']")


def digest_wrongly(
    pki: TestPki,
    digested: Digested,
    *,
    part: str = "s:Body",
    body: str | None = None,
    name: str = "sha256",
    encoded: Callable[[bytes], bytes] = lambda digest: digest,
) -> bytes:
    """Sign a message as a signer does that digests something else for one of its parts."""
    identity = pki.identities["vendor-a"]
    root = envelope(body or aanlever_body())
    sign_request(root, identity=identity, suite=SUITE_SHA256, created=NOW)
    digest = hashlib.new(name, digested(find(root, part))).digest()
    value = find(reference_to(root, part), "ds:DigestValue")
    value.text = base64.b64encode(encoded(digest)).decode()
    return sign_again(pki, root)


def sign_again(pki: TestPki, root: etree._Element, octets: bytes | None = None) -> bytes:
    """Sign SignedInfo as it stands, or what a signer takes for it."""
    signed = octets if octets is not None else canonicalize(find(root, ".//ds:SignedInfo"))
    value = pki.identities["vendor-a"].private_key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    find(root, ".//ds:SignatureValue").text = base64.b64encode(value).decode()
    return etree.tostring(root)


def explained(octets: bytes, pki: TestPki | None = None) -> list[Mismatch]:
    others = [] if pki is None else [(n, i.certificate) for n, i in pki.identities.items()]
    return list(mismatches(read_loosely(parse_message(octets)), source=octets, certificates=others))


def names(octets: bytes, pki: TestPki | None = None) -> dict[str, str]:
    return {
        mismatch.name: mismatch.found.id if mismatch.found else ""
        for mismatch in explained(octets, pki)
    }


def refused(octets: bytes, pki: TestPki) -> tuple[Refusal, etree._Element]:
    """Return how the verification path refuses a message, and the message."""
    root = parse_message(octets)
    message = read_envelope(root)
    with pytest.raises(Refusal) as caught:
        verify_envelope(
            message,
            read_addressing(message),
            policy=DIGIPOORT_1_2,
            trust=trust_of(pki),
            now=NOW,
        )
    return caught.value, root


def brief(octets: bytes, pki: TestPki) -> Hint | None:
    refusal, root = refused(octets, pki)
    return short_cause(refusal, root, NOW, size=len(octets))


# --- the writer -------------------------------------------------------------


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_the_writer_writes_what_libxml2_canonicalises(path: Path) -> None:
    root = parse_message(path.read_bytes())
    for element in root.iter():
        assert render(element) == canonicalize(element)
        for prefixes in (["#default"], ["soap", "s", "#default"], ["wsa", "wsu", "ds"]):
            assert render(element, Style(always=tuple(prefixes))) == canonicalize(element, prefixes)
    assert render(root, Style(inclusive=True)) == etree.tostring(root, method="c14n")


def test_the_writer_writes_everything_that_must_be_escaped() -> None:
    root = etree.fromstring(
        '<a xmlns="urn:1" xmlns:x="urn:2" xmlns:y="urn:2" q="&lt;&amp;&gt;"><b xmlns="">'
        '<c xmlns="urn:1" y:q="1" x:p="&quot;\t&#10;&#13;&#9;" xml:lang="n" a="\'"/>'
        "t&#13;&gt;é</b>&#128512;</a>"
    )
    for element in root.iter():
        assert render(element) == canonicalize(element)
    assert render(root, Style(inclusive=True)) == etree.tostring(root, method="c14n")


# --- digests ----------------------------------------------------------------


def in_its_own_document(element: etree._Element) -> etree._Element:
    """Parse an element's serialisation, which declares all that is in scope."""
    return etree.fromstring(etree.tostring(element, with_tail=False))


def inclusive(element: etree._Element) -> bytes:
    return etree.tostring(in_its_own_document(element), method="c14n")


def indented(space: str) -> Digested:
    def digested(element: etree._Element) -> bytes:
        copy = in_its_own_document(element)
        etree.indent(copy, space)
        return canonicalize(copy)

    return digested


def without_attribute(name: str) -> Digested:
    def digested(element: etree._Element) -> bytes:
        copy = in_its_own_document(element)
        del copy.attrib[name]
        return canonicalize(copy)

    return digested


def substituted(old: bytes, new: bytes) -> Digested:
    def digested(element: etree._Element) -> bytes:
        octets = canonicalize(element)
        assert old in octets
        return octets.replace(old, new)

    return digested


def lines_of(width: int, end: bytes) -> Digested:
    def digested(element: etree._Element) -> bytes:
        def broken(match: re.Match[bytes]) -> bytes:
            text = match[1]
            lines = (text[i : i + width] for i in range(0, len(text), width))
            return b"<t:inhoud>" + end.join(lines) + b"</t:inhoud>"

        return re.sub(rb"<t:inhoud>(.*?)</t:inhoud>", broken, canonicalize(element))

    return digested


def neighbour(path: str) -> Digested:
    return lambda element: canonicalize(find(element.getroottree().getroot(), path))


def without_signature(element: etree._Element) -> bytes:
    root = etree.fromstring(etree.tostring(element.getroottree().getroot()))
    signature = find(root, ".//ds:Signature")
    parent = signature.getparent()
    assert parent is not None
    parent.remove(signature)
    return canonicalize(root)


def renamed(element: etree._Element) -> bytes:
    octets = canonicalize(element).replace(b"s:Body", b"soapenv:Body")
    return octets.replace(b"xmlns:s=", b"xmlns:soapenv=")


SERIALISED = '<t:x xmlns:t="urn:t" b="1" a="2"><t:y/>a &gt; b</t:x>'
LINES = (
    aanlever_body().replace("<t:inhoud>", "<t:inhoud>\n").replace("</t:inhoud>", "\n</t:inhoud>")
)
NAMED = aanlever_body(reference="Caf\N{LATIN SMALL LETTER E WITH ACUTE} &amp; co")
DIGESTED: dict[str, tuple[str, Digested, str | None]] = {
    "inclusive": ("inclusive-c14n", inclusive, None),
    "another part": ("wrong-part", neighbour(".//a:To"), None),
    "all of it": ("wrong-part", neighbour(".//wsse:BinarySecurityToken"), None),
    "no Id yet": ("id-added-later", without_attribute(f"{{{WSU}}}Id"), None),
    "content": ("content-only", lambda element: canonicalize(element[0]), None),
    "enveloped": ("enveloped", without_signature, None),
    "crlf": ("crlf", substituted(b"\n", b"&#xD;\n"), LINES),
    "renamed": ("prefix-renamed", renamed, None),
    "as text": ("not-canonicalised", lambda element: etree.tostring(element), None),
    "self-closing": ("not-canonicalised", substituted(b"></t:y>", b"/>"), SERIALISED),
    "attributes as they come": (
        "not-canonicalised",
        substituted(b'a="2" b="1"', b'b="1" a="2"'),
        SERIALISED,
    ),
    "raw greater-than": ("not-canonicalised", substituted(b"&gt;", b">"), SERIALISED),
    "bom": ("declaration-or-bom", lambda element: b"\xef\xbb\xbf" + canonicalize(element), None),
    "declaration": (
        "declaration-or-bom",
        lambda element: b'<?xml version="1.0" encoding="UTF-8"?>\n' + canonicalize(element),
        None,
    ),
    "utf-16": ("encoding", lambda e: canonicalize(e).decode().encode("utf-16-le"), None),
    "latin-1": ("encoding", lambda e: canonicalize(e).decode().encode("latin-1"), NAMED),
    "read as latin-1": (
        "encoding",
        lambda e: canonicalize(e).decode("latin-1").encode(),
        NAMED,
    ),
    "escaped twice": ("escaped-twice", substituted(b"&amp;", b"&amp;amp;"), NAMED),
    "broken at 76": ("base64-rewrapped", lines_of(76, b"\n"), None),
    "broken at 64 by CRLF": ("base64-rewrapped", lines_of(64, b"&#xD;\n"), None),
    "white space around a text": (
        "text-trimmed",
        substituted(b"</t:inhoud>", b"\n</t:inhoud>"),
        None,
    ),
    "two spaces": ("reindented", indented("  "), None),
    "tabs": ("reindented", indented("\t"), None),
    "nothing": ("nothing-digested", lambda element: b"", None),
}  # fmt: skip


@pytest.mark.parametrize("case", DIGESTED)
def test_what_was_digested_is_named(g1: TestPki, case: str) -> None:
    cause, digested, body = DIGESTED[case]
    octets = digest_wrongly(g1, digested, body=body)
    (mismatch,) = explained(octets)
    assert mismatch.refusal.check is checks.WSS_DIGEST
    assert mismatch.found is not None
    assert (mismatch.name, mismatch.found.id) == ("Body", cause)
    # It is what the signer had, octet for octet.
    assert mismatch.found.octets is not None
    assert hashlib.sha256(mismatch.found.octets).digest() == base64.b64decode(
        find(reference_to(etree.fromstring(octets), "s:Body"), "ds:DigestValue").text or ""
    )


def test_an_attribute_that_came_later(g1: TestPki) -> None:
    digested = without_attribute(f"{{{SOAP}}}mustUnderstand")
    assert names(digest_wrongly(g1, digested, part=".//a:To")) == {"To": "attributes-changed"}


def test_a_must_understand_that_went(g1: TestPki) -> None:
    def digested(element: etree._Element) -> bytes:
        copy = in_its_own_document(element)
        copy.set(f"{{{SOAP}}}mustUnderstand", "1")
        return canonicalize(copy)

    octets = digest_wrongly(g1, digested, part=".//a:MessageID")
    assert names(octets) == {"MessageID": "attributes-changed"}


def test_a_timestamp_written_anew(g1: TestPki) -> None:
    digested = substituted(b".000Z</wsu:Created>", b"Z</wsu:Created>")
    both = substituted(b".000Z", b"Z")
    assert names(digest_wrongly(g1, both, part=".//wsu:Timestamp")) == {
        "Timestamp": "timestamp-rewritten"
    }
    # One of the two only is no form that any library writes.
    assert names(digest_wrongly(g1, digested, part=".//wsu:Timestamp")) == {"Timestamp": ""}


def test_names_without_their_namespace(g1: TestPki) -> None:
    def digested(element: etree._Element) -> bytes:
        return re.sub(rb' xmlns(:\w+)?="[^"]*"', b"", canonicalize(element))

    assert names(digest_wrongly(g1, digested)) == {"Body": "namespace-missing"}


@pytest.mark.parametrize(
    ("name", "encoded", "cause"),
    [
        ("sha1", lambda digest: digest, "hash-mixed-up"),
        ("sha512", lambda digest: digest, "hash-mixed-up"),
        ("sha256", lambda digest: digest.hex().encode(), "digest-encoded"),
        ("sha256", base64.b64encode, "digest-encoded"),
        ("sha1", lambda digest: digest.hex().encode(), "digest-encoded+hash-mixed-up"),
    ],
)
def test_the_digest_itself(
    g1: TestPki, name: str, encoded: Callable[[bytes], bytes], cause: str
) -> None:
    octets = digest_wrongly(g1, canonicalize, name=name, encoded=encoded)
    assert names(octets) == {"Body": cause}


def test_a_prefix_list_that_was_not_used(g1: TestPki) -> None:
    root = envelope(aanlever_body())
    sign_request(root, identity=g1.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
    transform = find(reference_to(root, "s:Body"), ".//ds:Transform")
    namespace = "http://www.w3.org/2001/10/xml-exc-c14n#"
    etree.SubElement(transform, f"{{{namespace}}}InclusiveNamespaces", PrefixList="a")
    assert names(sign_again(g1, root)) == {"Body": "prefix-list"}


def test_two_mistakes_together(g1: TestPki) -> None:
    octets = digest_wrongly(g1, without_attribute(f"{{{WSU}}}Id"), name="sha1")
    assert names(octets) == {"Body": "id-added-later+hash-mixed-up"}
    octets = digest_wrongly(g1, renamed)
    again = octets.replace(b"<t:berichtsoort>", b"\n  <t:berichtsoort>")
    assert names(again) == {"Body": "indented+prefix-renamed"}


def test_what_nobody_knows_is_not_made_up(g1: TestPki) -> None:
    octets = filing(g1.identities["vendor-a"]).replace(b"Bedrijf<", b"Intermediair<")
    (mismatch,) = explained(octets, g1)
    assert mismatch.found is None
    assert mismatch.name == "Body"
    assert brief(octets, g1) is None


def test_a_good_message_has_nothing_to_explain(g1: TestPki) -> None:
    assert explained(filing(g1.identities["vendor-a"]), g1) == []
    for path in VECTORS:
        if "default" not in path.stem:
            assert explained(path.read_bytes()) == [], path.stem


def test_every_cause_is_told_in_two_languages() -> None:
    assert len({cause.id for cause in CAUSES}) == len(CAUSES)
    for cause in CAUSES:
        for sentence in (cause.english, cause.dutch):
            assert not sentence.endswith(".")
        assert cause.remedy.endswith(".")
        assert cause.dutch != cause.english


def test_every_check_of_a_message_has_something_to_do() -> None:
    about_messages = ("MIME-", "XOP-", "XML-", "SOAP-", "WSA-", "WSS-", "PKI-", "XSD-")
    # These are judged behind the gate, or have a cause of their own.
    told = {"WSS-REPLAY", *_READERS}
    wanted = {check.id for check in checks.CATALOGUE if check.id.startswith(about_messages)}
    assert wanted - told - set(REMEDIES) == set()
    known = {check.id for check in checks.CATALOGUE}
    assert {*REMEDIES, *_READERS} <= known
    assert {check_id for check_id in REMEDIES if not REMEDIES[check_id].endswith(".")} == set()


# --- the whole message changed ----------------------------------------------


def altered(octets: bytes, alter: Callable[[Passing], Passing]) -> bytes:
    return alter(Passing({}, octets)).body


def test_a_message_that_was_indented(g1: TestPki) -> None:
    octets = altered(filing(g1.identities["vendor-a"]), indent)
    assert set(names(octets).values()) == {"indented"}
    # SignedInfo, and every part with elements in it.
    assert set(names(octets)) == {"SignedInfo", "Timestamp", "ReplyTo", "Body"}
    hint = brief(octets, g1)
    assert hint is not None
    assert hint.dutch.startswith("indented: SignedInfo: het bericht is na het ondertekenen")


def test_a_prefix_that_was_moved(g1: TestPki) -> None:
    octets = altered(filing(g1.identities["vendor-a"]), move_prefix)
    assert names(octets) == dict.fromkeys(("Body", "To", "Action"), "prefix-renamed")
    hint = brief(octets, g1)
    assert hint is not None
    assert "s was moved when it was sent" in hint.english


# --- SignatureValue ---------------------------------------------------------


def signature(pki: TestPki, make: Callable[[bytes], bytes], algorithm: str | None = None) -> bytes:
    """Sign a message whose SignatureValue is made in another way."""
    root = envelope(aanlever_body())
    sign_request(root, identity=pki.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
    if algorithm is not None:
        find(root, ".//ds:SignatureMethod").set("Algorithm", algorithm)
    value = make(canonicalize(find(root, ".//ds:SignedInfo")))
    find(root, ".//ds:SignatureValue").text = base64.b64encode(value).decode()
    return etree.tostring(root)


def key_of(pki: TestPki, name: str = "vendor-a") -> rsa.RSAPrivateKey:
    return pki.identities[name].private_key


def pkcs1(pki: TestPki, octets: bytes, name: str = "vendor-a") -> bytes:
    return key_of(pki, name).sign(octets, padding.PKCS1v15(), hashes.SHA256())


def raw(pki: TestPki, octets: bytes) -> bytes:
    """Pad and encrypt octets as ``openssl rsautl -sign`` does."""
    numbers = key_of(pki).private_numbers()
    size = key_of(pki).key_size // 8
    padded = b"\0\1" + b"\xff" * (size - 3 - len(octets)) + b"\0" + octets
    return pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(size)


SIGNED: dict[str, tuple[str, Callable[[TestPki, bytes], bytes]]] = {
    "reversed": ("byte-reversed", lambda p, o: pkcs1(p, o)[::-1]),
    "base64 twice": ("double-base64", lambda p, o: base64.b64encode(pkcs1(p, o))),
    "pss": (
        "pss",
        lambda p, o: key_of(p).sign(
            o, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()
        ),
    ),
    "bare digest": ("no-digest-info", lambda p, o: raw(p, hashlib.sha256(o).digest())),
    "digest of a digest": ("hashed-twice", lambda p, o: pkcs1(p, hashlib.sha256(o).digest())),
    "sha-1": (
        "hash-mixed-up",
        lambda p, o: key_of(p).sign(o, padding.PKCS1v15(), hashes.SHA1()),
    ),
    "another SignedInfo": ("signed-info-changed", lambda p, o: pkcs1(p, o + b"x")),
    "the digest as hexadecimal": (
        "no-digest-info+digest-encoded",
        lambda p, o: raw(p, hashlib.sha256(o).hexdigest().encode()),
    ),
    "something else": ("no-digest", lambda p, o: raw(p, o[:100])),
    "self-closing": (
        "not-canonicalised",
        lambda p, o: pkcs1(p, re.sub(rb"></ds:\w+Method>|></ds:Transform>", b"/>", o)),
    ),
}


@pytest.mark.parametrize("case", SIGNED)
def test_how_it_was_signed_is_named(g1: TestPki, case: str) -> None:
    cause, make = SIGNED[case]
    octets = signature(g1, lambda signed_info: make(g1, signed_info))
    (mismatch,) = explained(octets, g1)
    assert mismatch.refusal.check is checks.WSS_SIGNATURE
    assert mismatch.found is not None
    assert mismatch.found.id == cause
    hint = brief(octets, g1)
    assert hint is not None
    assert hint.english.startswith(f"{cause}: SignedInfo: ")


def found_of(pki: TestPki, make: Callable[[bytes], bytes], *, known: bool) -> tuple[str, str]:
    """Return name and detail of the cause, with or without others' certificates to compare."""
    (mismatch,) = explained(signature(pki, make), pki if known else None)
    assert mismatch.refusal.check is checks.WSS_SIGNATURE
    assert mismatch.found is not None
    return mismatch.found.id, mismatch.found.detail


@pytest.mark.parametrize("name", ["agency", "vendor-b"])
def test_whose_key_it_was(g1: TestPki, name: str) -> None:
    """Another key is said of a key that is known to have signed, and of nothing else."""
    found = found_of(g1, lambda signed_info: pkcs1(g1, signed_info, name), known=True)
    assert found == ("other-key", f"it is that of {name}")


def damaged(octets: bytes) -> bytes:
    return octets[:-1] + bytes([octets[-1] ^ 1])


UNKNOWN: dict[str, tuple[str, str, Callable[[TestPki, bytes], bytes]]] = {
    "another key of the same size": (
        "other-key-or-damaged", "", lambda p, o: pkcs1(p, o, "agency"),
    ),
    "a bit was changed": ("other-key-or-damaged", "", lambda p, o: damaged(pkcs1(p, o))),
    "noise of the right size": (
        "other-key-or-damaged", "", lambda p, o: hashlib.sha512(o).digest() * 4,
    ),
    "another key of another size": (
        "no-signature", "it is of 3072 bits, the key of 2048",
        lambda p, o: pkcs1(p, o, "vendor-b"),
    ),
    "an octet was lost": (
        "no-signature", "it is of 2040 bits, the key of 2048", lambda p, o: pkcs1(p, o)[:-1],
    ),
    "a bare digest, not signed": (
        "no-signature", "it is of 256 bits, the key of 2048",
        lambda p, o: hashlib.sha256(o).digest(),
    ),
    "a word": ("no-signature", "it is of 72 bits, the key of 2048", lambda p, o: b"signature"),
    "zeros": ("no-signature", "all its octets are the same", lambda p, o: bytes(256)),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_may_be_two_things_is_not_said_to_be_one(g1: TestPki, case: str) -> None:
    cause, detail, make = UNKNOWN[case]
    assert found_of(g1, lambda signed_info: make(g1, signed_info), known=False) == (cause, detail)
    hint = brief(signature(g1, lambda signed_info: make(g1, signed_info)), g1)
    assert hint is not None
    assert hint.english.startswith(f"{cause}: SignedInfo: ")
    if cause == "other-key-or-damaged":
        assert "another key" in hint.english
        assert "or it was damaged" in hint.english


def test_sha1_where_sha256_is_stated(g1: TestPki) -> None:
    octets = signature(g1, lambda signed_info: pkcs1(g1, signed_info), RSA_SHA1)
    (mismatch,) = explained(octets)
    assert mismatch.found is not None
    assert (mismatch.found.id, mismatch.found.detail) == ("hash-mixed-up", "sha256, not sha1")


def test_signed_info_by_inclusive_canonicalisation(g1: TestPki) -> None:
    root = envelope(aanlever_body())
    sign_request(root, identity=g1.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
    octets = sign_again(g1, root, inclusive(find(root, ".//ds:SignedInfo")))
    assert names(octets) == {"SignedInfo": "inclusive-c14n"}
    hint = brief(octets, g1)
    assert hint is not None
    assert hint.dutch.startswith("inclusive-c14n: SignedInfo: er is inclusive")


# --- what needs no trying out -----------------------------------------------

Change = Callable[[etree._Element], object]


def rename_id(root: etree._Element, attribute: str, value: str, uri: str) -> None:
    """Give the Body another Id, in some attribute, and its Reference another URI."""
    reference_to_id(root, "Body").set("URI", uri)
    find(root, "s:Body").attrib.clear()
    find(root, "s:Body").set(attribute, value)


def set_text(path: str, make: Callable[[str], str]) -> Change:
    def change(root: etree._Element) -> None:
        find(root, path).text = make(find(root, path).text or "")

    return change


FORMS: dict[str, tuple[str, Change]] = {
    "a SignatureValue for URLs": (
        "not-base64: een waarde in de Signature is geen base64, en dus helemaal geen handtekening "
        "of digest (SignatureValue holds the character _)",
        set_text(".//ds:SignatureValue", lambda text: "_" + text[1:]),
    ),
    "a SignatureValue that was cut off": (
        "not-base64: een waarde in de Signature is geen base64, en dus helemaal geen handtekening "
        "of digest (SignatureValue is cut off, or not padded with =)",
        set_text(".//ds:SignatureValue", lambda text: text[:-3]),
    ),
    "an empty DigestValue": (
        "not-base64: een waarde in de Signature is geen base64, en dus helemaal geen handtekening "
        "of digest (DigestValue is empty)",
        set_text(".//ds:DigestValue", lambda text: ""),
    ),
    "enveloped": (
        "enveloped-transform: de References noemen de enveloped-signature-transform (1 of 6)",
        lambda root: etree.SubElement(
            find(root, ".//ds:Transforms"), f"{{{DS}}}Transform", Algorithm=ENVELOPED
        ),
    ),
    "inclusive transform": (
        "inclusive-c14n: het bericht noemt inclusive canonicalisation "
        "(http://www.w3.org/TR/2001/REC-xml-c14n-20010315)",
        lambda root: find(root, ".//ds:Transform").set(
            "Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
        ),
    ),
    "inclusive method": (
        "inclusive-c14n: het bericht noemt inclusive canonicalisation "
        "(http://www.w3.org/2006/12/xml-c14n11)",
        lambda root: find(root, ".//ds:CanonicalizationMethod").set(
            "Algorithm", "http://www.w3.org/2006/12/xml-c14n11"
        ),
    ),
    "dangling": (
        "dangling-id: een Reference noemt een Id die geen te ondertekenen onderdeel heeft "
        "(nothing has #nowhere)",
        lambda root: find(root, ".//ds:Reference").set("URI", "#nowhere"),
    ),
    "other case": (
        "dangling-id: een Reference noemt een Id die geen te ondertekenen onderdeel heeft "
        "(#BODY differs in case from the Id of Body)",
        lambda root: rename_id(root, f"{{{WSU}}}Id", "body", "#BODY"),
    ),
    "plain Id": (
        "dangling-id: een Reference noemt een Id die geen te ondertekenen onderdeel heeft "
        "(#plain is the plain Id of Body)",
        lambda root: rename_id(root, "Id", "plain", "#plain"),
    ),
}


def reference_to_id(root: etree._Element, suffix: str) -> etree._Element:
    for reference in root.iter(f"{{{DS}}}Reference"):
        if str(reference.get("URI")).endswith(suffix):
            return reference
    raise AssertionError(suffix)


@pytest.mark.parametrize("case", FORMS)
def test_what_is_wrong_with_the_form(g1: TestPki, case: str) -> None:
    expected, change = FORMS[case]

    def changed(root: etree._Element) -> None:
        change(root)

    hint = brief(filing(g1.identities["vendor-a"], change=changed), g1)
    assert hint is not None
    assert hint.dutch == expected


def test_a_header_that_is_not_signed(g1: TestPki) -> None:
    def changed(root: etree._Element) -> None:
        reference = reference_to_id(root, "ReplyTo")
        find(root, ".//ds:SignedInfo").remove(reference)

    hint = brief(filing(g1.identities["vendor-a"], change=changed), g1)
    assert hint is not None
    assert hint.english == "part-unsigned: a part that must be signed has no Reference (ReplyTo)"


def test_a_certificate_for_another_use(g4: TestPki) -> None:
    hint = brief(filing(g4.identities["vendor-a-auth"]), g4)
    assert hint is not None
    assert hint.english == (
        "certificate-role: the certificate is not for this use (it is for TLS client (test))"
    )


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("vendor-revoked", "certificate-revoked: "),
        ("vendor-expired", "certificate-expired: "),
    ],
)
def test_a_certificate_that_is_no_longer_good(g1: TestPki, name: str, start: str) -> None:
    hint = brief(filing(g1.identities[name]), g1)
    assert hint is not None
    assert hint.dutch.startswith(start)


def test_a_certificate_of_another_hierarchy(g1: TestPki, g4: TestPki) -> None:
    hint = brief(filing(g4.identities["vendor-a"]), g1)
    assert hint is not None
    assert hint.english.startswith("certificate-issuer: ")
    assert "(issuer TEST TSP G4 Priv G-TLS SYS" in hint.english


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (timedelta(minutes=20), "clock: the clock of the sender is wrong, or the message was sent "
         "long after it was signed (Created is 20 min ahead of the time of receipt)"),
        (timedelta(minutes=-20), "clock: the clock of the sender is wrong, or the message was sent "
         "long after it was signed (Created is 20 min before the time of receipt)"),
        (timedelta(hours=2), "time-zone: local time was written as if it were UTC "
         "(Created is 2 h 0 min ahead)"),
    ],
)  # fmt: skip
def test_a_clock(g1: TestPki, ahead: timedelta, expected: str) -> None:
    hint = brief(filing(g1.identities["vendor-a"], created=NOW + ahead), g1)
    assert hint is not None
    assert hint.english == expected


# --- bounded ----------------------------------------------------------------


def hostile_messages(pki: TestPki) -> Iterator[tuple[str, bytes]]:
    identity = pki.identities["vendor-a"]
    many = "<t:a/>" * 4_000
    yield (
        "elements",
        filing(identity).replace(b"<t:autorisatieAdres>", many.encode() + b"<t:autorisatieAdres>"),
    )
    yield "text", filing(identity).replace(b">Bedrijf<", b">" + b"&amp;\n " * 9_000 + b"<")
    attributes = b"".join(b' a%d="x"' % number for number in range(28))
    yield (
        "attributes",
        filing(identity).replace(b"<t:berichtsoort>", b"<t:berichtsoort" + attributes + b">"),
    )
    prefixes = b"".join(b' xmlns:p%d="urn:%d" p%d:a=""' % (n, n, n) for n in range(28))
    yield (
        "namespaces",
        filing(identity).replace(b"<t:berichtsoort>", b"<t:berichtsoort" + prefixes + b">"),
    )
    yield "signature", signature(pki, lambda octets: pkcs1(pki, octets + b"x"))
    for declared, elements in ((60, 340), (240, 0), (190, 150)):
        yield f"{declared} namespaces, {elements} elements", declaring(pki, declared, elements)
    yield "typical", filing(identity).replace(b">Bedrijf<", b">Intermediair<")


def declaring(pki: TestPki, declared: int, elements: int) -> bytes:
    """Return a message whose SignedInfo was changed, with many namespaces in scope of it."""
    text = etree.tostring(envelope(aanlever_body())).decode()
    spaces = "".join(f' xmlns:p{number}="urn:{number}"' for number in range(declared))
    text = text.replace("<s:Envelope", f"<s:Envelope{spaces}", 1)
    text = text.replace("<t:autorisatieAdres>", "<t:a/>" * elements + "<t:autorisatieAdres>")
    root = etree.fromstring(text)
    sign_request(root, identity=pki.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
    find(root, ".//ds:DigestValue").text = base64.b64encode(bytes(32)).decode()
    return etree.tostring(root)


def test_the_short_form_is_short(g1: TestPki) -> None:
    for case, octets in hostile_messages(g1):
        refusal, root = refused(octets, g1)
        spent = []
        for _ in range(3):
            start = time.process_time()
            short_cause(refusal, root, NOW, size=len(octets))
            spent.append(time.process_time() - start)
        assert min(spent) < 0.02, case


def test_a_large_message_is_explained_by_its_header(g1: TestPki) -> None:
    body = aanlever_body(b"<a>" + b"x" * 3_000_000 + b"</a>")
    octets = signed(g1.identities["vendor-a"], envelope(body))
    for alter, expected in ((indent, "indented: SignedInfo"), (move_prefix, "prefix-renamed: ")):
        after = altered(octets, alter)
        refusal, root = refused(after, g1)
        spent = []
        for _ in range(3):
            start = time.process_time()
            hint = short_cause(refusal, root, NOW, size=len(after))
            spent.append(time.process_time() - start)
        assert hint is not None
        assert hint.english.startswith(expected)
        assert min(spent) < 0.02


def test_the_verification_path_does_not_know_of_explanations() -> None:
    package = Path(digipoort_wus.__file__).parent
    for name in ("verify", "header", "sign", "policy", "oracle"):
        text = (package / "wss" / f"{name}.py").read_text()
        assert "causes" not in text
        assert "wss.explain" not in text
