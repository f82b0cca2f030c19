"""What is right and wrong of a run of a stack's program, and the bad answers that it is given."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import cast

from lxml import etree
from stacks import HERE

from digipoort_wus.names import WSA
from digipoort_wus.pki.identity import load_pem
from digipoort_wus.soap.envelope import SECURITY, read_envelope
from digipoort_wus.testing.proxy import Alter, Passing, answer_with, tamper, unsign
from digipoort_wus.testing.xmlsec1 import xmlsec1_verifies
from digipoort_wus.wss.header import read_security
from digipoort_wus.wss.policy import SUITES_SHA2
from digipoort_wus.wss.sign import sign_request

PKI = HERE.parent / "certs-test" / "g1"
DIGIPOORT, BE, BE_S = "digipoort-1.2", "digikoppeling-3.0-be", "digikoppeling-3.0-be-S"
DONE, BAD_ANSWER, FAULT = 0, 3, 4
HAPPY_FLOW = ["105", "100", "110", "200", "301", "301", "405", "400", "500"]
TEXT = "Één & <ander>"
TOO_LONG = "x" * 10_001
"""Refused by the schema of Echo: the fault of a request that is signed well."""


@dataclass(frozen=True)
class Run:
    """What one run of a stack's program said and sent."""

    status: int
    lines: list[str]
    errors: str
    passed: Sequence[tuple[Passing, Passing]]

    @property
    def last_error(self) -> str:
        """Return the last line of stderr, from the gateway's check on when it names one."""
        line = (self.errors.strip().splitlines() or ["nothing on stderr"])[-1]
        check = re.search(r"\[[A-Z0-9-]+\].*", line)
        return (check[0] if check else line)[:300]


# --- Verdicts -------------------------------------------------------------------------


def judged(done: Run, action: str, kenmerk: str, policy: str) -> str:
    """Return the verdict on an action with an honest answer."""
    if done.status != DONE:
        return f"FAIL exit {done.status}: {done.last_error}"
    if not _as_expected(action, done.lines, kenmerk):
        return f"FAIL printed {' '.join(done.lines)[:80]!r}"
    if action == "file-mtom" and not all(_is_mtom(request) for request, _ in done.passed):
        return "FAIL the document is not an attachment"
    return unverified(done, policy) or "ok"


def judged_direct(done: Run, action: str, kenmerk: str) -> str:
    """Return the verdict on an action without the proxy: nothing was captured."""
    if done.status != DONE or not _as_expected(action, done.lines, kenmerk):
        return f"FAIL exit {done.status}: {done.last_error}"
    return "ok"


def judged_refusal(done: Run, check: str, code: str = "") -> str:
    """Return what is wrong with a refusal, whose sender must see the reason; nothing for nothing.

    Args:
        check: that refuses it.
        code: what else the fault must say.
    """
    if done.status != FAULT or f"[{check}]" not in done.errors or code not in done.errors:
        return f"FAIL exit {done.status}, not refused with {check} {code}: {done.last_error}"
    return ""


def judged_bad_answer(done: Run, policy: str) -> str:
    """Return the verdict on a client that got a bad answer; what was captured is still good."""
    if done.status != BAD_ANSWER:
        return f"FAIL exit {done.status}, a bad answer not noticed: {done.last_error}"
    return unverified(done, policy) or "refused"


def is_good(verdict: str) -> bool:
    """Return whether a verdict is not a failure."""
    return "FAIL" not in verdict


def unverified(done: Run, policy: str, *, answers: bool = True) -> str:
    """Return what is wrong with the signatures of what passed, nothing when all are right."""
    if not done.passed:
        return "FAIL nothing passed the proxy"
    for request, answer in done.passed:
        judge = [("request", request), ("answer", answer)] if answers else [("request", request)]
        for kind, passing in judge:
            if policy == BE and _is_secured(passing.body):
                return f"FAIL there is WS-Security in the {kind}"
            if policy != BE and not xmlsec1_verifies(_inline(passing)):
                return f"FAIL xmlsec1 does not verify the {kind}"
    return ""


def _is_secured(message: bytes) -> bool:
    return next(etree.fromstring(message).iter(SECURITY), None) is not None


def _as_expected(action: str, lines: list[str], kenmerk: str) -> bool:
    """Return whether a program printed what its action asks for."""
    match action:
        case "file" | "file-mtom":
            return len(lines) == 1 and re.fullmatch(r"[0-9a-f-]{36}", lines[0]) is not None
        case "statuses" | "new-statuses":
            return lines == HAPPY_FLOW
        case "list":
            return kenmerk in lines
        case "by-kenmerk":
            return [bool(re.fullmatch(r"\S+ [1-9]\d*", line)) for line in lines] == [True]
        case "echo":
            return lines == [TEXT, TEXT]
    return len(lines) == 12  # "all": a line for each operation


def _is_mtom(request: Passing) -> bool:
    document = (HERE / "filing.xbrl").read_bytes()
    return document in request.body and base64.b64encode(document) not in request.body


def _inline(passing: Passing) -> bytes:
    """Return the envelope of a message, with attachments put back where they belong."""
    content_type = passing.headers.get("Content-Type", "")
    if not content_type.startswith("multipart/"):
        return passing.body
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    package = BytesParser(policy=HTTP).parsebytes(head + passing.body)
    root, *parts = (
        (str(part["Content-ID"])[1:-1].encode(), cast("bytes", part.get_payload(decode=True)))
        for part in package.iter_parts()
    )
    found = {content_id: base64.b64encode(octets) for content_id, octets in parts}
    include = rb'<(?:[\w-]+:)?Include\b[^>]*href="cid:([^"]+)"[^>]*/>'
    return re.sub(include, lambda match: found[match[1]], root[1])


# --- Bad answers ----------------------------------------------------------------------


def resigned(
    *,
    relates_to: str | None = None,
    confirm: Callable[[bytes], bytes | None] = lambda value: value,
) -> Alter:
    """Return an alteration that has the gateway sign an answer again, with something changed.

    Args:
        relates_to: another wsa:RelatesTo.
        confirm: gives what is confirmed, from what was; None for no confirmation at all.
    """

    def alter(passing: Passing) -> Passing:
        root = etree.fromstring(passing.body)
        security = read_security(read_envelope(root))
        (confirmed,) = security.confirmations
        suites = {suite.signature: suite for suite in SUITES_SHA2}
        header = root[0]
        header.remove(security.element)
        if relates_to is not None:
            next(header.iter(f"{{{WSA}}}RelatesTo")).text = relates_to
        sign_request(
            root,
            identity=load_pem(PKI / "gateway-signing.pem", PKI / "gateway-signing.key"),
            suite=suites[security.signature_algorithm],
            created=datetime.now(UTC),
            confirms=confirm(confirmed.value or b""),
        )
        return replace(passing, body=etree.tostring(root))

    return alter


RE_SIGNED = resigned()
"""Changes nothing that matters: who refuses this refuses the others for nothing."""
DIGIPOORT_BAD: Mapping[str, Callable[[bytes], Alter]] = {
    "tampered": lambda _recorded: tamper("statuscode"),
    "unsigned": lambda _recorded: unsign,
    "unrelated": answer_with,
}
BE_BAD: Mapping[str, Callable[[bytes], Alter]] = {"unrelated": answer_with}
BE_S_BAD: Mapping[str, Callable[[bytes], Alter]] = {
    "tampered": lambda _recorded: tamper("text"),
    "unsigned": lambda _recorded: unsign,
    "unrelated": lambda _recorded: resigned(relates_to="urn:uuid:another"),
    "misconfirmed": lambda _recorded: resigned(confirm=lambda value: value[::-1]),
    "unconfirmed": lambda _recorded: resigned(confirm=lambda _value: None),
}
"""Bad answers by policy, each made with a recorded good one to an earlier request."""
AGAIN = ("tampered", "misconfirmed")
"""Those that depend on the algorithm, and so are given with each; the others with SHA-256 only."""
