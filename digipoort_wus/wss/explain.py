"""Explanations of signatures that are wrong: which part, and what makes it right.

For the command line, where a stored request is explained at leisure, and for the fault
texts of a sandbox, where :func:`short_cause` spends a bounded effort. A gateway in
production calls nothing of this.
"""

import hashlib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import pybase64
from cryptography import x509
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Hint, Refusal
from digipoort_wus.names import SOAP
from digipoort_wus.pki.explain import name_of
from digipoort_wus.soap.envelope import local_name
from digipoort_wus.wss.causes.advice import form_cause
from digipoort_wus.wss.causes.cost import BRIEF, PATIENT, cost_of, declarations_in
from digipoort_wus.wss.causes.loose import Loose, read_loosely
from digipoort_wus.wss.causes.part import Part
from digipoort_wus.wss.causes.recovery import signature_cause
from digipoort_wus.wss.causes.render import scope_of
from digipoort_wus.wss.causes.table import Found, cause_of
from digipoort_wus.wss.policy import HASHES
from digipoort_wus.xmlsafe.c14n import canonicalize

SHORT_MAX = 256 * 1024
"""Octets of a message that a sandbox explains while the sender waits."""
_SHORT_ELEMENTS = 400
_SHORT_COST = 1_000_000
"""Of writing all of a message once: a few tries do that, whichever part they are about."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One signature or digest that is wrong.

    Args:
        refusal: WSS-SIGNATURE or WSS-DIGEST, with what came and what it should be.
        name: local name of the part.
        octets: the canonical form as we computed it.
        found: what makes it right, if anything does.
    """

    refusal: Refusal
    name: str
    octets: bytes = field(repr=False)
    found: Found | None


def mismatches(
    loose: Loose,
    *,
    source: bytes | None = None,
    certificates: Sequence[tuple[str, x509.Certificate]] = (),
    cost: int = PATIENT,
) -> Iterator[Mismatch]:
    """Yield what is wrong with the signature, then with each digest, in the gate's order.

    Args:
        loose: the message; what does not stand in it is passed over.
        source: its octets as they came.
        certificates: others that may have signed, with a name for each.
        cost: of each search, about how many octets may be written and digested.
    """
    found = _signature(loose, source, certificates, cost)
    if found is not None:
        yield found
    for part, claimed, stated in _wrong_digests(loose, source):
        yield _mismatch(part, claimed, stated, cost)


def short_cause(refusal: Refusal, root: etree._Element, now: datetime, *, size: int) -> Hint | None:
    """Return the likely cause of a refusal in a bounded time, for a fault of a sandbox.

    Args:
        refusal: what the gate found.
        root: the message, in which large texts may have been replaced by marks.
        now: the moment of receipt, aware.
        size: octets of the request.

    Of a large message only the Header is explained, of one with many elements nothing.
    """
    loose = read_loosely(root)
    if refusal.check not in (checks.WSS_SIGNATURE, checks.WSS_DIGEST):
        found = form_cause(refusal, loose, now)
        return found.hint() if found is not None else None
    if size > SHORT_MAX:
        header = _without_body(root)
        if header is None:
            return None
        loose = read_loosely(header)
    if not _is_short(loose.root):
        return None
    for mismatch in _brief(refusal, loose):
        if mismatch.found is not None:
            return mismatch.found.hint(mismatch.name)
    return None


def _without_body(root: etree._Element) -> etree._Element | None:
    """Return a copy of a message that has a Header only; None when that is large, too."""
    header = root.find(f"{{{SOAP}}}Header")
    if header is None or not _is_short(header):
        return None
    copy = etree.Element(root.tag, nsmap=root.nsmap)
    copy.append(deepcopy(header))
    return copy


def _is_short(element: etree._Element) -> bool:
    elements = element.iter(etree.Element)
    if next(islice(elements, _SHORT_ELEMENTS, None), None) is not None:
        return False
    octets = etree.tostring(element, encoding="UTF-8", with_tail=False)
    return len(octets) <= SHORT_MAX and cost_of(octets, declarations_in(octets)) <= _SHORT_COST


def part_of(
    loose: Loose, element: etree._Element, prefixes: Sequence[str], source: bytes | None
) -> Part | None:
    """Return an element as a part to explain; None when it cannot be canonicalised."""
    try:
        octets = canonicalize(element, prefixes)
    except Refusal:
        return None
    return Part(
        element=element,
        name=local_name(element),
        prefixes=tuple(prefixes),
        octets=octets,
        around=loose.around(),
        root=loose.root,
        scope=scope_of(element),
        source=source,
    )


def _brief(refusal: Refusal, loose: Loose) -> Iterator[Mismatch]:
    if refusal.check is checks.WSS_SIGNATURE:
        found = _signature(loose, None, (), BRIEF)
        if found is not None:
            yield found
        return
    # Two: a Body with marks in place of its large texts only looks wrong.
    for part, claimed, stated in islice(_wrong_digests(loose, None), 2):
        yield _mismatch(part, claimed, stated, BRIEF // 2)


def _signature(
    loose: Loose,
    source: bytes | None,
    certificates: Sequence[tuple[str, x509.Certificate]],
    cost: int,
) -> Mismatch | None:
    if loose.signed_info is None or loose.certificate is None:
        return None
    part = part_of(loose, loose.signed_info, loose.signed_info_prefixes, source)
    if part is None:
        return None
    beside = [
        (f"the certificate of {name_of(certificate)}", certificate)
        for certificate in loose.certificates[1:]
    ]
    known = [("the token", loose.certificate), *beside, *certificates]
    found = signature_cause(
        part, loose.signature_value, loose.signature_algorithm, known, cost=cost
    )
    if found is None:
        return None
    refusal = Refusal(checks.WSS_SIGNATURE, received=loose.signature_algorithm)
    return Mismatch(refusal, part.name, part.octets, found)


def _wrong_digests(loose: Loose, source: bytes | None) -> Iterator[tuple[Part, bytes, str]]:
    """Yield the parts whose digest is not the claimed one, with the claim and the stated hash."""
    for reference in loose.references:
        target = loose.target(reference.uri)
        if target is None or reference.algorithm not in HASHES:
            continue
        stated = HASHES[reference.algorithm].name
        part = part_of(loose, target, reference.prefixes, source)
        if part is not None and _hash(stated, part.octets) != reference.digest:
            yield part, reference.digest, stated


def _mismatch(part: Part, claimed: bytes, stated: str, cost: int) -> Mismatch:
    refusal = Refusal(
        checks.WSS_DIGEST,
        expected=f"{_base64(_hash(stated, part.octets))} ({stated} of {part.name})",
        received=_base64(claimed),
    )
    return Mismatch(refusal, part.name, part.octets, cause_of(part, claimed, stated, cost=cost))


def _hash(name: str, octets: bytes) -> bytes:
    return hashlib.new(name, octets, usedforsecurity=False).digest()


def _base64(octets: bytes) -> str:
    return pybase64.b64encode_as_string(octets)
