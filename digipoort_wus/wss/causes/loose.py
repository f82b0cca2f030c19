"""A message read without any requirement: what is there, for an explanation of what is not.

The verification path reads strictly and stops at the first thing that is wrong; who
explains wants the rest as well. Nothing that is read here is believed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pybase64
from cryptography import x509
from lxml import etree

from digipoort_wus.clock import parse_date_time
from digipoort_wus.names import DS, EXC_C14N, SOAP, WSA, WSSE, WSU
from digipoort_wus.pki.profiles import UNREADABLE
from digipoort_wus.soap.envelope import SECURITY, local_name, namespace

_ID = f"{{{WSU}}}Id"
_CERTIFICATES_MAX = 10


@dataclass(frozen=True, slots=True)
class LooseReference:
    """One ds:Reference with whatever it holds; what is missing is empty."""

    uri: str
    transforms: tuple[str, ...]
    prefixes: tuple[str, ...]
    algorithm: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Loose:
    """What can be found of a signed message, each at its place.

    Args:
        required: the parts that must be signed: Body, Timestamp, wsa headers.
        signable: the elements that may be signed, by wsu:Id.
        otherwise: the same by an Id of another name, which does not count.
        canonicalization: the algorithm of CanonicalizationMethod.
        certificates: every certificate in wsse:Security, the token's first.
    """

    root: etree._Element
    security: etree._Element | None
    body: etree._Element | None
    timestamp: etree._Element | None
    signed_info: etree._Element | None
    signed_info_prefixes: tuple[str, ...]
    canonicalization: str | None
    signature_algorithm: str
    signature_value: bytes = field(repr=False)
    references: tuple[LooseReference, ...]
    required: tuple[etree._Element, ...]
    signable: Mapping[str, etree._Element] = field(repr=False)
    otherwise: Mapping[str, etree._Element] = field(repr=False)
    certificates: tuple[x509.Certificate, ...]
    created: datetime | None
    expires: datetime | None

    @property
    def certificate(self) -> x509.Certificate | None:
        """Return the certificate that is said to have signed."""
        return self.certificates[0] if self.certificates else None

    def target(self, uri: str) -> etree._Element | None:
        """Return what a Reference is about, also where its Id is no wsu:Id."""
        name = uri[1:] if uri.startswith("#") else ""
        return self.signable.get(name, self.otherwise.get(name))

    @staticmethod
    def id_of(element: etree._Element) -> str | None:
        """Return the wsu:Id of an element."""
        return element.get(_ID)

    def around(self) -> dict[str, etree._Element]:
        """Return the elements that a signer may take for one another, by name."""
        found = {local_name(part): part for part in self.required}
        for part in (self.security, self.signed_info, self.root):
            if part is not None:
                found.setdefault(local_name(part), part)
        if self.body is not None and len(self.body):
            found.setdefault(local_name(self.body[0]), self.body[0])
        for child in self.security if self.security is not None else ():
            found.setdefault(local_name(child), child)
        for child in self.root:
            found.setdefault(local_name(child), child)
        return found


def read_loosely(root: etree._Element) -> Loose:
    """Read what there is of a parsed message; missing parts are None or empty."""
    header, body = _child(root, f"{{{SOAP}}}Header"), _child(root, f"{{{SOAP}}}Body")
    blocks = list(header) if header is not None else []
    security = _child(header, SECURITY)
    timestamp = _child(security, f"{{{WSU}}}Timestamp")
    token = _child(security, f"{{{WSSE}}}BinarySecurityToken")
    signature = _child(security, f"{{{DS}}}Signature")
    signed_info = _child(signature, f"{{{DS}}}SignedInfo")
    method = _child(signed_info, f"{{{DS}}}CanonicalizationMethod")
    value = _child(signature, f"{{{DS}}}SignatureValue")
    required = [body, timestamp, *(block for block in blocks if namespace(block) == WSA)]
    present = tuple(part for part in required if part is not None)
    signable = [*present, *([token] if token is not None else [])]
    return Loose(
        root=root,
        security=security,
        body=body,
        timestamp=timestamp,
        signed_info=signed_info,
        signed_info_prefixes=_prefixes(method),
        canonicalization=_algorithm(method),
        signature_algorithm=_algorithm(_child(signed_info, f"{{{DS}}}SignatureMethod")) or "",
        signature_value=_octets(value),
        references=tuple(map(_reference, _children(signed_info, f"{{{DS}}}Reference"))),
        required=present,
        signable={part_id: part for part in signable if (part_id := part.get(_ID))},
        otherwise={
            value: part
            for part in signable
            for name, value in part.items()
            if name != _ID and name.rpartition("}")[2].lower() == "id"
        },
        certificates=tuple(_certificates(token, security)),
        created=_moment(_child(timestamp, f"{{{WSU}}}Created")),
        expires=_moment(_child(timestamp, f"{{{WSU}}}Expires")),
    )


def _reference(element: etree._Element) -> LooseReference:
    steps = _children(_child(element, f"{{{DS}}}Transforms"), f"{{{DS}}}Transform")
    exclusive = [step for step in steps if step.get("Algorithm") == EXC_C14N]
    return LooseReference(
        uri=element.get("URI") or "",
        transforms=tuple(step.get("Algorithm") or "" for step in steps),
        prefixes=_prefixes(exclusive[0] if exclusive else None),
        algorithm=_algorithm(_child(element, f"{{{DS}}}DigestMethod")) or "",
        digest=_octets(_child(element, f"{{{DS}}}DigestValue")),
    )


def _certificates(
    token: etree._Element | None, security: etree._Element | None
) -> Iterator[x509.Certificate]:
    if security is None:
        return
    holders = [token] if token is not None else []
    for tag in (f"{{{WSSE}}}BinarySecurityToken", f"{{{DS}}}X509Certificate"):
        holders += [element for element in security.iter(tag) if element is not token]
    for element in holders[:_CERTIFICATES_MAX]:
        try:
            yield x509.load_der_x509_certificate(_octets(element))
        except UNREADABLE:
            continue


def _child(parent: etree._Element | None, tag: str) -> etree._Element | None:
    return next(iter(_children(parent, tag)), None)


def _children(parent: etree._Element | None, tag: str) -> list[etree._Element]:
    return [child for child in parent if child.tag == tag] if parent is not None else []


def _algorithm(element: etree._Element | None) -> str | None:
    return element.get("Algorithm") if element is not None else None


def _prefixes(element: etree._Element | None) -> tuple[str, ...]:
    listed = _child(element, f"{{{EXC_C14N}}}InclusiveNamespaces")
    return tuple((listed.get("PrefixList") or "").split()) if listed is not None else ()


def _octets(element: etree._Element | None) -> bytes:
    """Decode base64 as far as it is base64."""
    text = "".join("".join(element.itertext()).split()) if element is not None else ""
    try:
        return pybase64.b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""


def _moment(element: etree._Element | None) -> datetime | None:
    if element is None:
        return None
    try:
        return parse_date_time(element.text or "")
    except ValueError:
        return None
