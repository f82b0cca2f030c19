"""A stored request explained: what the gate says to it, and everything else that is wrong.

The verdict is the gate's own, from the same function that a running gateway calls. For
the checks behind the first one that failed, what was refused is mended in a copy and the
gate is asked again, with the cryptography put aside; signature and digests are then
explained of the message as it came.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.names import ENDPOINTS, Service
from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.server.bench import Bench, gate_of, peer_trust_of, trust_of, unjudged
from digipoort_wus.server.draft import Draft
from digipoort_wus.server.gate import Opened, Rejected, open_request
from digipoort_wus.server.http import HttpRequest, check_head
from digipoort_wus.server.mending import mend
from digipoort_wus.soap.envelope import local_name, read_envelope
from digipoort_wus.soap.mtom import XOP, expand, read_package, read_package_type
from digipoort_wus.soap.multipart import is_package
from digipoort_wus.wss.causes.advice import form_cause
from digipoort_wus.wss.causes.loose import Loose, read_loosely
from digipoort_wus.wss.causes.remedies import remedy_of
from digipoort_wus.wss.causes.table import Found
from digipoort_wus.wss.explain import mismatches, part_of
from digipoort_wus.wss.header import SecurityHeader
from digipoort_wus.wss.policy import POLICIES, SecurityPolicy, Signature
from digipoort_wus.wss.verify import SignedParts
from digipoort_wus.xmlsafe.parse import parse_message
from digipoort_wus.xmlsafe.splice import LargeTexts

_MOST_FINDINGS = 40
_LAST = checks.XSD_VALID
# Behind comments and instructions the rest can be judged; CDATA is not told apart.
_COMMENT, _INSTRUCTION = re.compile(rb"<!--.*?-->", re.S), re.compile(rb"<\?(?!xml\s).*?\?>", re.S)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Args:
        refusal: the check, what was expected and what came.
        part: which part of the message it is about; empty for all of it.
        found: the cause, where it was found.
        remedy: what to do.
        first: whether it is what the gate says.
        octets: the canonical form of the part, where that matters.
    """

    refusal: Refusal
    part: str
    found: Found | None
    remedy: str
    first: bool = False
    octets: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is known of a request that the gate lets in.

    Args:
        oin: of who signed, or of who connected where nobody signs.
        signed: local names of the parts under the signature.
        until: when the Timestamp no longer lets it in.
    """

    oin: str
    certificate: x509.Certificate | None
    signed: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say about one request.

    Args:
        accepted: None when the gate refuses it.
        findings: in the gate's order; of an accepted request only what is wrong behind its end.
        complete: whether every check was reached.
        message: as far as it could be read; None when it is no XML.
    """

    service: Service
    policy: SecurityPolicy
    accepted: Accepted | None
    findings: tuple[Finding, ...]
    complete: bool
    message: Loose | None = field(repr=False)


def explain_request(bench: Bench, service: Service, request: HttpRequest) -> Explanation:
    """Judge a stored request as the gate would, and find out what else is wrong with it.

    Args:
        bench: with what it is judged.
        service: which it was sent to.
        request: with all of the octets behind its head, whatever the head says.
    """
    body = request.body
    verdict = _verdict(bench, service, replace(request))
    octets = _envelope_octets(request)
    if isinstance(verdict, Opened):
        accepted = _accepted(verdict, octets)
        beyond = tuple(_framing_findings(bench))
        return Explanation(service, bench.policy, accepted, beyond, True, _loose(octets))
    findings, complete = list(_head_findings(bench, request)), False
    if octets is not None:
        behind, complete = _findings(bench, service, replace(request, body=octets), source=body)
        findings += behind
    refused_by = verdict.refusal.check
    at = next((n for n, f in enumerate(findings) if f.refusal.check is refused_by), None)
    if at is None:
        findings.insert(0, _finding(verdict.refusal, _loose(octets), bench.at))
        at = 0
    findings[at] = replace(findings[at], first=True)
    return Explanation(service, bench.policy, None, tuple(findings), complete, _loose(octets))


def service_of(octets: bytes, *, path: str = "", policy: str = "") -> Service | None:
    """Return the service that a request is for: by its path, or by what is in its Body.

    Args:
        octets: of the request.
        path: URL path, empty when it is not known.
        policy: name of the policy that the service must have, empty for any.
    """
    if path:
        served = (s for s in ENDPOINTS.values() if path.rstrip("/") in s.paths)
        return next(served, None)
    signed = b"SignatureValue" in octets
    fitting = [
        service
        for service in ENDPOINTS.values()
        if policy in ("", service.policy)
        for operation in service.operations
        if re.search(rb"[<:]%b[\s>/]" % operation.request.encode(), octets)
    ]
    # The same Echo is served with and without signatures.
    fitting.sort(
        key=lambda service: (POLICIES[service.policy].signature is Signature.NONE) == signed
    )
    return fitting[0] if fitting else None


def created_in(request: HttpRequest) -> datetime | None:
    """Return the Created of a request's Timestamp, None when it has none that can be read."""
    loose = _loose(_envelope_octets(request))
    return loose.created if loose is not None else None


def canonical_of(message: Loose, part: str) -> bytes | None:
    """Return the canonical form of a part by its local name, as the gate computes it."""
    for element in (*message.required, message.signed_info):
        if element is None or local_name(element).lower() != part.lower():
            continue
        prefixes: tuple[str, ...] = message.signed_info_prefixes
        if element is not message.signed_info:
            named = [
                r.prefixes for r in message.references if r.uri == f"#{message.id_of(element)}"
            ]
            prefixes = named[0] if named else ()
        found = part_of(message, element, prefixes, None)
        return found.octets if found is not None else None
    return None


def _verdict(bench: Bench, service: Service, request: HttpRequest) -> Opened | Rejected:
    captured = bench.captured
    if captured is not None and captured.refusal is not None and captured.request is None:
        return Rejected(service, None, None, captured.refusal)
    if captured is not None and captured.request is not None:
        request.body = captured.request.body
    gate = gate_of(bench, trust_of(bench.store), request.body, peer_trust_of(bench))
    return open_request(gate, service, request)


def _findings(
    bench: Bench, service: Service, request: HttpRequest, *, source: bytes
) -> tuple[list[Finding], bool]:
    """Return what is wrong in the gate's order, and whether every check was reached."""
    octets, refusals = _readable(request.body)
    findings = [_finding(refusal, None, bench.at) for refusal in refusals]
    if octets is None:
        return findings, False
    root = parse_message(octets)
    loose = read_loosely(root)
    draft = Draft(parse_message(octets), _headers(request), service, bench.policy, bench.at)
    judges = _Judges(bench, loose, source)
    gate = replace(gate_of(bench, judges.trust, octets, judges.peer), engine=judges.engine)
    seen: set[tuple[str, str]] = set()
    while len(findings) < _MOST_FINDINGS:
        head = replace(request.head, headers=dict(draft.headers))
        message = HttpRequest(head, etree.tostring(draft.root), request.peer)
        outcome = open_request(gate, service, message)
        findings += judges.take()
        if isinstance(outcome, Opened):
            return findings, True
        refused = outcome.refusal
        again = (refused.check.id, refused.received) in seen
        seen.add((refused.check.id, refused.received))
        if all(finding.refusal.check is not refused.check for finding in findings):
            findings.append(_finding(refused, loose, bench.at))
        if again or not mend(refused.check.id, draft):
            return findings, refused.check is _LAST
    return findings, False


def _head_findings(bench: Bench, request: HttpRequest) -> Iterator[Finding]:
    yield from _framing_findings(bench)
    if bench.captured is None:
        return
    try:
        check_head(request.head)
    except Refusal as refusal:
        framed = bench.captured.refusal
        if framed is None or framed.check is not refusal.check:
            yield _finding(refusal, None, bench.at)


def _framing_findings(bench: Bench) -> Iterator[Finding]:
    if bench.captured is not None and bench.captured.refusal is not None:
        yield _finding(bench.captured.refusal, None, bench.at)


def _readable(octets: bytes) -> tuple[bytes | None, list[Refusal]]:
    """Return a message that can be parsed, without comments if need be, and what was wrong."""
    refusals: dict[str, Refusal] = {}
    for pattern in (_COMMENT, _INSTRUCTION, None):
        try:
            parse_message(octets)
        except Refusal as refusal:
            refusals.setdefault(refusal.check.id, refusal)
            if pattern is None or refusal.check not in (checks.XML_COMMENT, checks.XML_INSTRUCTION):
                break
            octets = pattern.sub(b"", octets)
        else:
            return octets, list(refusals.values())
    return None, list(refusals.values())


def _headers(request: HttpRequest) -> dict[str, str]:
    """Return the headers for a message that is not in a package any more."""
    headers = dict(request.head.headers)
    if is_package(headers.get("content-type", "text/xml; charset=utf-8")):
        headers["content-type"] = "text/xml; charset=utf-8"
    return headers


class _Judges:
    """Stand where the gate's judges stand: they note what is wrong and let everything pass."""

    def __init__(self, bench: Bench, loose: Loose, source: bytes) -> None:
        self._bench, self._loose, self._source = bench, loose, source
        self._real, self._real_peer = trust_of(bench.store), peer_trust_of(bench)
        self._noted: list[Finding] = []
        self._asked: set[str] = set()

    def take(self) -> list[Finding]:
        """Return what was noted since the last time."""
        noted, self._noted = self._noted, []
        return noted

    def trust(self, certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
        try:
            return self._real(certificate, at)
        except Refusal as refusal:
            if "trust" not in self._asked:
                self._noted.append(_finding(refusal, self._loose, at))
                self._asked.add("trust")
            return unjudged(certificate)

    def peer(self, certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
        try:
            return self._real_peer(certificate, at)
        except Refusal as refusal:
            if "peer" not in self._asked:
                self._noted.append(_finding(refusal, None, at))
                self._asked.add("peer")
            return unjudged(certificate)

    def engine(self, header: SecurityHeader, parts: SignedParts, texts: LargeTexts) -> None:
        if "engine" in self._asked:
            return
        self._asked.add("engine")
        wrong = mismatches(self._loose, source=self._source, certificates=self._bench.certificates)
        for mismatch in wrong:
            remedy = remedy_of(mismatch.refusal, mismatch.found)
            self._noted.append(
                Finding(
                    mismatch.refusal, mismatch.name, mismatch.found, remedy, octets=mismatch.octets
                )
            )


def _envelope_octets(request: HttpRequest) -> bytes | None:
    """Return the envelope; of an MTOM package the message that was signed, None of a bad one."""
    content_type = request.head.headers.get("content-type", "")
    if not is_package(content_type):
        return request.body
    try:
        package = read_package(request.body, read_package_type(content_type))
        envelope = read_envelope(parse_message(package.envelope))
        includes = envelope.root.iter(f"{{{XOP}}}Include")
        contents = [parent for i in includes if (parent := i.getparent()) is not None]
        texts = LargeTexts(envelope.body)
        expand(envelope, package.parts, contents=contents, texts=texts)
        texts.restore()
    except Refusal:
        return None
    return etree.tostring(envelope.root)


def _loose(octets: bytes | None) -> Loose | None:
    readable, _ = _readable(octets) if octets is not None else (None, [])
    return read_loosely(parse_message(readable)) if readable is not None else None


def _accepted(opened: Opened, octets: bytes | None) -> Accepted:
    loose = _loose(octets)
    signed = [] if loose is None else [loose.signable.get(r.uri[1:]) for r in loose.references]
    return Accepted(
        oin=opened.caller.oin,
        certificate=opened.signer.certificate if opened.signer is not None else None,
        signed=tuple(dict.fromkeys(local_name(part) for part in signed if part is not None)),
        until=opened.valid_until,
    )


def _finding(refusal: Refusal, loose: Loose | None, at: datetime) -> Finding:
    found = form_cause(refusal, loose, at) if loose is not None else None
    return Finding(refusal, "", found, remedy_of(refusal, found))
