"""Signing as an attacker would who has a key: digests and signature of whatever is there.

What a gateway must refuse for its form must be right in its cryptography, or the wrong
check would refuse it. Nothing here is for signing what should be accepted.
"""

import base64
import hashlib
import hmac
from copy import deepcopy
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from digipoort_wus.conformance.recipes import Making, RecipeError, step
from digipoort_wus.names import DS, ENVELOPED, EXC_C14N
from digipoort_wus.pki.identity import Identity

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_XMLENC = "http://www.w3.org/2001/04/xmlenc#"
_PSS = "http://www.w3.org/2007/05/xmldsig-more#"
_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_COMMENTS = "#WithComments"
_DIGESTS = {
    f"{DS}sha1": "sha1",
    f"{_MORE}md5": "md5",
    f"{_MORE}sha224": "sha224",
    f"{_XMLENC}sha256": "sha256",
    f"{_MORE}sha384": "sha384",
    f"{_XMLENC}sha512": "sha512",
    f"{_XMLENC}ripemd160": "sha256",
}
_RSA: dict[str, hashes.HashAlgorithm] = {
    f"{DS}rsa-sha1": hashes.SHA1(),  # noqa: S303 - an attacker picks
    f"{_MORE}rsa-md5": hashes.MD5(),  # noqa: S303 - an attacker picks
    f"{_MORE}rsa-sha224": hashes.SHA224(),
    f"{_MORE}rsa-sha256": hashes.SHA256(),
    f"{_MORE}rsa-sha384": hashes.SHA384(),
    f"{_MORE}rsa-sha512": hashes.SHA512(),
}
_HMAC = {f"{DS}hmac-sha1": "sha1", f"{_MORE}hmac-sha256": "sha256"}


@step
def sign_again(
    making: Making,
    *,
    who: str = "vendor-a",
    digests: Literal["fresh", "kept", "empty"] = "fresh",
    pick: Literal["first", "last"] = "first",
) -> None:
    """Make SignatureValue, and the digests, right after a change.

    Args:
        who: whose key.
        digests: ``fresh``: of what the References now lead to; ``kept``: as they are;
            ``empty``: of no octets at all.
        pick: which element counts when an Id occurs several times.
    """
    if making.octets is not None:
        raise RecipeError("the message has been written out: parse it first")
    infos = making.all("/s:Envelope/s:Header/wsse:Security/ds:Signature/ds:SignedInfo")
    for info in infos:
        for reference in info.iterfind(f"{{{DS}}}Reference"):
            if digests != "kept":
                _digest(making.root, reference, pick, empty=digests == "empty")
    info = infos[0] if pick == "first" else infos[-1]
    value = base64.b64encode(_signature(making.kit.identity(who), info)).decode()
    for element in making.all("/s:Envelope/s:Header/wsse:Security/ds:Signature/ds:SignatureValue"):
        element.text = value


@step
def signature_value(
    making: Making, *, form: Literal["zero", "ones", "empty", "short", "long", "flipped"]
) -> None:
    """Put something that is no signature into SignatureValue."""
    element = making.one("/s:Envelope/s:Header/wsse:Security/ds:Signature/ds:SignatureValue")
    octets = base64.b64decode(element.text or "")
    changed = {
        "zero": bytes(len(octets)),
        "ones": b"\xff" * len(octets),
        "empty": b"",
        "short": octets[:-1],
        "long": octets + b"\0",
        "flipped": bytes([octets[0] ^ 1]) + octets[1:],
    }[form]
    element.text = base64.b64encode(changed).decode()


def _digest(root: etree._Element, reference: etree._Element, pick: str, *, empty: bool) -> None:
    target = _target(root, reference.get("URI"), pick)
    octets = b"" if target is None or empty else _transformed(target, reference)
    method = reference.find(f"{{{DS}}}DigestMethod")
    algorithm = _DIGESTS.get("" if method is None else method.get("Algorithm", ""), "sha256")
    for element in reference.iterfind(f"{{{DS}}}DigestValue"):
        digest = hashlib.new(algorithm, octets, usedforsecurity=False).digest()
        element.text = base64.b64encode(digest).decode()


def _target(root: etree._Element, uri: str | None, pick: str) -> etree._Element | None:
    if not uri:
        return root
    found = [
        element
        for element in root.iter(etree.Element)
        for name, content in element.items()
        if name.rpartition("}")[2].lower() == "id" and f"#{content}" == uri
    ]
    if not found:
        return None
    return found[0] if pick == "first" else found[-1]


def _transformed(target: etree._Element, reference: etree._Element) -> bytes:
    """Return the octets of a target after those transforms that are known here."""
    octets = None
    for transform in reference.iterfind(f"{{{DS}}}Transforms/{{{DS}}}Transform"):
        if transform.get("Algorithm") == ENVELOPED:
            target = deepcopy(target)
            for signature in list(target.iter(f"{{{DS}}}Signature")):
                parent = signature.getparent()
                if parent is not None:
                    parent.remove(signature)
        else:
            octets = _canonical(target, transform) or octets
    return _canonical(target, None) or b"" if octets is None else octets


def _canonical(element: etree._Element, method: etree._Element | None) -> bytes | None:
    algorithm = _C14N if method is None else method.get("Algorithm", "")
    plain, comments = algorithm.removesuffix("WithComments"), algorithm.endswith(_COMMENTS)
    exclusive = plain.rstrip("#") == EXC_C14N.rstrip("#")
    if not exclusive and plain.rstrip("#") != _C14N:
        return None
    prefixes: list[str] = []
    if method is not None and exclusive:
        listed = method.find(f"{{{EXC_C14N}}}InclusiveNamespaces")
        prefixes = ("" if listed is None else listed.get("PrefixList", "")).split()
    try:
        return etree.tostring(
            element,
            method="c14n",
            exclusive=exclusive,
            with_comments=comments,
            inclusive_ns_prefixes=prefixes or None,
        )
    except (etree.C14NError, ValueError):
        # What a careless verifier would take: nothing.
        return b""


def _signature(identity: Identity, info: etree._Element) -> bytes:
    canonical = info.find(f"{{{DS}}}CanonicalizationMethod")
    octets = _canonical(info, canonical)
    if octets is None:
        octets = etree.tostring(info, method="c14n", exclusive=True)
    method = info.find(f"{{{DS}}}SignatureMethod")
    algorithm = "" if method is None else method.get("Algorithm", "")
    if algorithm in _HMAC:
        # The key confusion of old: a public certificate as the secret.
        secret = identity.certificate.public_bytes(serialization.Encoding.DER)
        code = hmac.digest(secret, octets, _HMAC[algorithm])
        length = None if method is None else method.findtext(f"{{{DS}}}HMACOutputLength")
        return code[: max(1, int(length) // 8)] if length else code
    if algorithm.startswith(_PSS):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return identity.private_key.sign(octets, scheme, hashes.SHA256())
    return identity.private_key.sign(
        octets, padding.PKCS1v15(), _RSA.get(algorithm, hashes.SHA256())
    )
