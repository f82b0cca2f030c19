"""Runs cases against a gateway and judges what comes back."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from lxml import etree

from digipoort_wus.clock import Clock
from digipoort_wus.conformance.cases import Case, Expected
from digipoort_wus.conformance.cost import Cost, Meter
from digipoort_wus.conformance.messages import Draft, service_of
from digipoort_wus.conformance.parties import Parties
from digipoort_wus.conformance.recipes import (
    Kit,
    MissingCertificate,
    RecipeError,
    Step,
    make_messages,
)
from digipoort_wus.conformance.wire import Received, exchange
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.names import BERICHTEN, SERVICES, SOAP, TYPES
from digipoort_wus.xmlsafe.parse import parse_message

_CHECK = re.compile(r"\[([A-Z][A-Z0-9-]{2,40})\]")
_SIGN = Step("sign", {})
_WITHIN_MINUTE = "within-minute"
_EARLIER = "an earlier message was refused"
_ORDINARY = Case(
    "filing-between", "", "An ordinary filing.", (_SIGN,), Expected("accepted", None, 200, 0)
)


class Verdict(Enum):
    """What became of a case, in the words of the report."""

    AS_EXPECTED = "as expected"
    NOT_TOLD = "refused, check not told"
    OTHER_CHECK = "refused, by another check"
    WRONG = "WRONG"
    TOO_COSTLY = "too costly"
    BROKE_FILING = "FILING BROKEN"
    SKIPPED = "skipped"
    FAULTY = "case cannot be made"

    @property
    def is_good(self) -> bool:
        """Return whether the endpoint did what it must; what was not run is no failure."""
        return self in (Verdict.AS_EXPECTED, Verdict.NOT_TOLD, Verdict.SKIPPED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back, in the terms of an expectation.

    Args:
        answer: as in :class:`Expected`, or ``silence``.
        check: that the endpoint told, empty when it told none.
        code: number of the fault code, 0 without one.
    """

    answer: str
    status: int = 0
    check: str = ""
    code: int = 0
    alert: str = ""

    def __str__(self) -> str:
        words = [self.answer]
        if self.status and self.answer != "accepted":
            words.append(str(self.status))
        words.append(self.check or self.alert)
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Result:
    """One case, as it went."""

    case: Case
    verdict: Verdict
    outcome: Outcome = field(default_factory=lambda: Outcome(""))
    milliseconds: float = 0.0
    cost: Cost | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a gateway is.

    Args:
        base: without path.
        aanlever: address of its AanleverService.
    """

    base: str
    aanlever: str

    def url_for(self, case: Case) -> str:
        """Return the address that a case is sent to."""
        service, _ = service_of(case.endpoint, case.message.operation)
        if service.name == "AanleverService":
            return self.aanlever
        return self.base + service.paths[0]


def endpoint_at(url: str) -> Endpoint:
    """Return the endpoint at a base URL, or at the URL of its AanleverService.

    Raises:
        ConfigurationError: it is no https URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ConfigurationError(
            f"{url!r} is no https URL: give one such as https://localhost:8443."
        )
    base = f"https://{parts.netloc}"
    path = parts.path.rstrip("/") or SERVICES["AanleverService"].paths[0]
    return Endpoint(base, base + path)


@dataclass(frozen=True, slots=True)
class Run:
    """How cases are run.

    Args:
        endpoint: against what.
        parties: certificates.
        clock: the time that messages carry.
        filing_between: send an ordinary filing behind every case; it must be accepted.
        told: require that every refusal names its check.
        meter: of the gateway's process, when that is here.
        rows: the file with the rows of parties that cases need, when the gateway may lack
            them; None: it has them.
    """

    endpoint: Endpoint
    parties: Parties
    clock: Clock
    filing_between: bool = True
    told: bool = False
    meter: Meter | None = None
    rows: Path | None = None

    def results(self, cases: Iterable[Case]) -> Iterator[Result]:
        """Run cases one after the other; give each result as soon as it is there.

        Raises:
            ConfigurationError: the endpoint cannot be reached, or refuses an ordinary filing
                before there was any attack.
        """
        self._require_ordinary()
        for case in cases:
            result = self._result(case)
            if self.filing_between and result.verdict is not Verdict.SKIPPED:
                after = self._send(_ORDINARY, self.endpoint.aanlever)[0]
                if after.answer != "accepted":
                    note = f"after it an ordinary filing got: {after}"
                    result = Result(
                        case,
                        Verdict.BROKE_FILING,
                        result.outcome,
                        result.milliseconds,
                        result.cost,
                        note,
                    )
            yield result

    def _require_ordinary(self) -> None:
        first = self._send(_ORDINARY, self.endpoint.aanlever)[0]
        if first.answer != "accepted":
            raise ConfigurationError(
                f"An ordinary filing to {self.endpoint.aanlever} is not accepted ({first}): "
                "nothing can be said about attacks. Check URL, certificate and authorisation."
            )

    def _result(self, case: Case) -> Result:
        result = self._tried(case)
        if result.note == _EARLIER and any(one.name == _WITHIN_MINUTE for one in case.steps):
            # Who ran this case a moment ago has used up this minute's requests of its party.
            time.sleep(60 - time.time() % 60)
            return self._tried(case)
        return result

    def _tried(self, case: Case) -> Result:
        url = self.endpoint.url_for(case)
        try:
            messages = make_messages(case.message, case.steps, self._kit(case, url))
        except MissingCertificate as error:
            return Result(case, Verdict.SKIPPED, note=str(error))
        except RecipeError as error:
            return Result(case, Verdict.FAULTY, note=str(error))
        for earlier in messages[:-1]:
            before = outcome_of(exchange(case, url, earlier, self.parties))
            if before.answer != "accepted":
                return Result(case, Verdict.WRONG, before, note=_EARLIER)
        if self.meter is not None:
            self.meter.start()
        started = time.monotonic()
        try:
            outcome = outcome_of(exchange(case, url, messages[-1], self.parties))
        except MissingCertificate as error:
            return Result(case, Verdict.SKIPPED, note=str(error))
        milliseconds = (time.monotonic() - started) * 1000
        cost = self.meter.stop() if self.meter is not None else None
        verdict, note = judge(case.expected, outcome, told=self.told)
        if not verdict.is_good and self._lacks_row(case):
            note = f"the gateway has no row for this party: add the [[party]] rows of {self.rows}"
            return Result(case, Verdict.SKIPPED, outcome, milliseconds, cost, note)
        if verdict.is_good and cost is not None and (excess := _excess(case, cost)):
            verdict, note = Verdict.TOO_COSTLY, excess
        return Result(case, verdict, outcome, milliseconds, cost, note)

    def _lacks_row(self, case: Case) -> bool:
        """Return whether a gateway has no row for the party of a case that needs one.

        No row of a party in the cases grants ``ophalen``: who may fetch has none.
        """
        check = case.expected.check
        if self.rows is None or check is None or not check.id.startswith("PARTY-"):
            return False
        signs = tuple(step for step in case.steps if step.name == _SIGN.name)
        probe = replace(
            _ORDINARY, steps=signs, tls=case.tls, message=Draft(operation="getBerichtenLijst")
        )
        return self._send(probe, self.endpoint.url_for(probe))[0].answer == "accepted"

    def _send(self, case: Case, url: str) -> tuple[Outcome, bytes]:
        message = make_messages(case.message, case.steps, self._kit(case, url))[-1]
        received = exchange(case, url, message, self.parties)
        return outcome_of(received), received.body

    def _kit(self, case: Case, url: str) -> Kit:
        return Kit(
            case.endpoint,
            self.endpoint.base,
            url,
            self.clock(),
            self.parties.identity,
            self.parties.certificates,
        )


def judge(expected: Expected, outcome: Outcome, *, told: bool) -> tuple[Verdict, str]:
    """Compare what came back with what must come back; return the verdict and a note.

    Args:
        told: require that a refusal names its check; otherwise an endpoint that refuses
            in its own way does well too.
    """
    if expected.answer == "accepted" or outcome.answer in ("accepted", "silence"):
        good = expected.answer == outcome.answer
        return (Verdict.AS_EXPECTED, "") if good else (Verdict.WRONG, "")
    if expected.check is None:
        return _judge_bare(expected, outcome, told=told)
    if not outcome.check:
        return (Verdict.WRONG, "the check is not told") if told else (Verdict.NOT_TOLD, "")
    if outcome.check != expected.check.id:
        return Verdict.OTHER_CHECK, ""
    if outcome.answer != expected.answer or outcome.status != expected.status:
        return Verdict.WRONG, f"expected {expected.answer} {expected.status}"
    if expected.code and outcome.code != expected.code:
        return Verdict.WRONG, f"expected code {expected.code}, got {outcome.code}"
    return Verdict.AS_EXPECTED, ""


def _judge_bare(expected: Expected, outcome: Outcome, *, told: bool) -> tuple[Verdict, str]:
    """Judge a refusal that has no check: an alert, or a connection that is closed."""
    if outcome.answer == expected.answer and expected.alert in ("", outcome.alert):
        return Verdict.AS_EXPECTED, ""
    return (Verdict.WRONG if told else Verdict.NOT_TOLD), ""


def outcome_of(received: Received) -> Outcome:
    """Read an answer: accepted, a fault, another HTTP answer, an alert, or nothing."""
    if not received.status:
        if received.alert:
            return Outcome("alert", alert=received.alert)
        return Outcome("silence" if received.late else "closed")
    try:
        root = parse_message(received.body) if received.body.lstrip()[:1] == b"<" else None
    except Refusal:
        root = None
    child = None if root is None else root.find(f"{{{SOAP}}}Body/*")
    if root is None or child is None:
        said = _CHECK.search(received.body[:2_000].decode("utf-8", "replace"))
        accepted = received.status == 200 and root is not None
        return Outcome("accepted" if accepted else "http", received.status, said[1] if said else "")
    if child.tag != f"{{{SOAP}}}Fault":
        return Outcome("accepted" if received.status == 200 else "http", received.status)
    return _fault(child, received.status)


def _fault(element: etree._Element, status: int) -> Outcome:
    code = "".join(element.itertext(f"{{{TYPES}}}foutcode", f"{{{BERICHTEN}}}foutcode"))
    text = "".join(
        element.itertext(
            f"{{{TYPES}}}foutbeschrijving", f"{{{BERICHTEN}}}foutbeschrijving", "faultstring"
        )
    )
    said = _CHECK.search(text)
    digits = code[-3:]
    return Outcome(
        "fault", status, said[1] if said else "", int(digits) if digits.isdecimal() else 0
    )


def _excess(case: Case, cost: Cost) -> str:
    if cost.cpu_ms > case.max_cpu_ms:
        return f"{cost.cpu_ms:.0f} ms of CPU, at most {case.max_cpu_ms}"
    if cost.mib > case.max_mib:
        return f"{cost.mib:.0f} MiB, at most {case.max_mib}"
    return ""
