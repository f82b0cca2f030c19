"""Takes mistakes out of the wsse:Security of a copy, one kind each.

Digests and SignatureValue are left as they are: they are judged of the message as it came.
"""

from collections.abc import Iterator
from datetime import timedelta

import pybase64
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.clock import format_utc
from digipoort_wus.names import BASE64_BINARY, DS, EXC_C14N, SHA256, WSSE, WSU, X509_V3
from digipoort_wus.server.draft import Draft, remove
from digipoort_wus.soap.envelope import namespace
from digipoort_wus.wss.causes.loose import read_loosely

_ID = f"{{{WSU}}}Id"
_LIFETIME = timedelta(minutes=5)
_SIGNATURE, _SIGNED_INFO = f"{{{DS}}}Signature", f"{{{DS}}}SignedInfo"
_REFERENCE = f"{{{DS}}}Reference"
_SOME_BASE64 = "AAAA"
"""In the place of what is none: values are judged of the message as it came."""
_TOKEN, _TIMESTAMP = f"{{{WSSE}}}BinarySecurityToken", f"{{{WSU}}}Timestamp"


def security_children(draft: Draft) -> bool:
    """Keep the first Timestamp, token and Signature; make a Timestamp or token that is missing."""
    security = draft.security()
    if security is None or security.find(_SIGNATURE) is None:
        return False
    seen: set[str] = set()

    def is_extra(child: etree._Element) -> bool:
        tag = str(child.tag)
        extra = tag in seen or tag not in (_TIMESTAMP, _TOKEN, _SIGNATURE)
        seen.add(tag)
        return extra

    certificate = read_loosely(draft.root).certificate
    remove(security, is_extra)
    if security.find(_TOKEN) is None:
        if certificate is None:
            return False
        token = etree.Element(_TOKEN, EncodingType=BASE64_BINARY, ValueType=X509_V3)
        token.text = pybase64.b64encode_as_string(certificate.public_bytes(Encoding.DER))
        token.set(_ID, draft.fresh_id())
        security.insert(0, token)
        key_info_of(draft)
    if security.find(_TIMESTAMP) is None:
        timestamp = etree.Element(_TIMESTAMP)
        security.insert(0, timestamp)
        sign(draft, timestamp)
        timestamp_of(draft)
    return True


def unique_ids(draft: Draft) -> bool:
    """Give the second of two equal Ids another value."""
    seen: set[str] = set()
    for element in draft.root.iter(etree.Element):
        for name, value in element.items():
            if name.rpartition("}")[2].lower() != "id":
                continue
            if value in seen or len(value) > 200:
                element.set(name, draft.fresh_id())
            seen.add(value)
    return True


def token_type(draft: Draft) -> bool:
    """Say of the token that it is an X.509 certificate in base64."""
    token = draft.security(_TOKEN)
    if token is None or (token.get("ValueType"), token.get("EncodingType")) == (
        X509_V3,
        BASE64_BINARY,
    ):
        return False
    token.set("ValueType", X509_V3)
    token.set("EncodingType", BASE64_BINARY)
    return True


def key_info_of(draft: Draft) -> bool:
    """Let KeyInfo point directly at the token, which comes to stand before it."""
    token, key_info = draft.security(_TOKEN), draft.security(_SIGNATURE, f"{{{DS}}}KeyInfo")
    security = draft.security()
    if token is None or key_info is None or security is None:
        return False
    # Before the Signature, as some policies want it.
    security.remove(token)
    security.insert(0, token)
    if not token.get(_ID):
        token.set(_ID, draft.fresh_id())
    for child in list(key_info):
        key_info.remove(child)
    reference = etree.SubElement(key_info, f"{{{WSSE}}}SecurityTokenReference")
    etree.SubElement(reference, f"{{{WSSE}}}Reference", URI=f"#{token.get(_ID)}", ValueType=X509_V3)
    return True


def signature_form(draft: Draft) -> bool:
    """Take out ds:Object and the like; put a Transform, or base64, where there is none."""
    signature = draft.security(_SIGNATURE)
    wanted = [f"{{{DS}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo")]
    changed = remove(signature, lambda child: child.tag not in wanted)
    for reference in _references(draft):
        if reference.find(f"{{{DS}}}Transforms") is None:
            reference.insert(0, _exclusive("Transforms"))
            changed = True
    values = (f"{{{DS}}}SignatureValue", f"{{{DS}}}DigestValue")
    for value in signature.iter(*values) if signature is not None else ():
        if not _is_base64("".join((value.text or "").split())):
            value.text = _SOME_BASE64
            changed = True
    return changed


def _is_base64(text: str) -> bool:
    try:
        octets = pybase64.b64decode(text, validate=True)
    except ValueError:
        return False
    return bool(octets) and pybase64.b64encode_as_string(octets) == text


def algorithms(draft: Draft) -> bool:
    """Name algorithms that the policy accepts; digests and signature are judged as they came."""
    signed_info = draft.security(_SIGNATURE, _SIGNED_INFO)
    if signed_info is None or not draft.policy.suites:
        return False
    suite = draft.policy.suites[0]
    accepted = {
        "CanonicalizationMethod": ({EXC_C14N}, EXC_C14N),
        "SignatureMethod": (draft.policy.signature_algorithms, suite.signature),
        "DigestMethod": (draft.policy.digest_algorithms, suite.digest),
    }
    for name, (good, usual) in accepted.items():
        for element in signed_info.iter(f"{{{DS}}}{name}"):
            if element.get("Algorithm") not in good:
                element.set("Algorithm", usual)
            for child in list(element):
                if namespace(child) != EXC_C14N:
                    element.remove(child)
    return True


def transforms(draft: Draft) -> bool:
    """Leave one transform, exclusive canonicalisation, in every Reference."""
    for reference in _references(draft):
        holder = reference.find(f"{{{DS}}}Transforms")
        if holder is None:
            continue
        steps = [step for step in holder if step.get("Algorithm") == EXC_C14N]
        for child in list(holder):
            if child not in steps[:1]:
                holder.remove(child)
        if not steps:
            holder.append(_exclusive("Transform"))
    return True


def targets(draft: Draft) -> bool:
    """Make other Ids wsu:Ids, and take out References to what is not there or not to be signed."""
    loose = read_loosely(draft.root)
    signable = dict(loose.signable)
    for value, part in loose.otherwise.items():
        if value not in signable and not part.get(_ID):
            for name in [name for name, own in part.items() if own == value]:
                del part.attrib[name]
            part.set(_ID, value)
            signable[value] = part
    changed = len(signable) > len(loose.signable)
    signed_info = draft.security(_SIGNATURE, _SIGNED_INFO)
    removed = remove(
        signed_info,
        lambda child: (
            child.tag == _REFERENCE
            and not ((uri := child.get("URI") or "")[:1] == "#" and uri[1:] in signable)
        ),
    )
    if next(_references(draft), None) is None:
        coverage(draft)
    return changed or removed


def unique_references(draft: Draft) -> bool:
    """Take out the second of two References to one element."""
    seen: set[str] = set()

    def is_second(child: etree._Element) -> bool:
        uri = child.get("URI") or ""
        again = child.tag == _REFERENCE and uri in seen
        seen.add(uri)
        return again

    return remove(draft.security(_SIGNATURE, _SIGNED_INFO), is_second)


def coverage(draft: Draft) -> bool:
    """Add a Reference to every part that must be signed and is not."""
    loose = read_loosely(draft.root)
    signed = {reference.uri[1:] for reference in loose.references}
    missing = [part for part in loose.required if (part.get(_ID) or "") not in signed]
    for part in missing:
        sign(draft, part)
    return bool(missing)


def timestamp_of(draft: Draft) -> bool:
    """Write the Timestamp anew, for now."""
    timestamp = draft.security(_TIMESTAMP)
    if timestamp is None:
        return False
    for child in list(timestamp):
        timestamp.remove(child)
    timestamp.text = None
    etree.SubElement(timestamp, f"{{{WSU}}}Created").text = format_utc(draft.now)
    etree.SubElement(timestamp, f"{{{WSU}}}Expires").text = format_utc(draft.now + _LIFETIME)
    return True


def sign(draft: Draft, part: etree._Element) -> None:
    """Add a Reference to a part, with any digest: it is there to be counted."""
    if not part.get(_ID):
        part.set(_ID, draft.fresh_id())
    signed_info = draft.security(_SIGNATURE, _SIGNED_INFO)
    if signed_info is None:
        return
    reference = etree.SubElement(signed_info, _REFERENCE, URI=f"#{part.get(_ID)}")
    reference.append(_exclusive("Transforms"))
    digest = draft.policy.suites[0].digest if draft.policy.suites else SHA256
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=digest)
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = "AAAA"


def _exclusive(name: str) -> etree._Element:
    transform = etree.Element(f"{{{DS}}}Transform", Algorithm=EXC_C14N)
    if name == "Transform":
        return transform
    holder = etree.Element(f"{{{DS}}}{name}")
    holder.append(transform)
    return holder


def _references(draft: Draft) -> Iterator[etree._Element]:
    signed_info = draft.security(_SIGNATURE, _SIGNED_INFO)
    return iter(() if signed_info is None else signed_info.findall(_REFERENCE))
