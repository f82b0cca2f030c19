"""The generated pages about trust: checks, policies, requirements, attacks."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from enum import Enum
from types import MappingProxyType

from ebms_pages import CHECKS as EBMS
from ebms_pages import ebms_checks
from tables import page, table

from digipoort_wus import checks, names
from digipoort_wus.client import checks as client_checks
from digipoort_wus.conformance.cases import Case, cases_directory, load_cases
from digipoort_wus.conformance.requirements import LEVELS, Requirement, load_requirements
from digipoort_wus.errors import Check
from digipoort_wus.soap.addressing import AddressingRules
from digipoort_wus.soap.faultcodes import ROWS, ROWS_ABOUT, Row
from digipoort_wus.wss.policy import (
    POLICIES,
    SUITE_SHA1,
    SUITES_PSS,
    SUITES_SHA2,
    SecurityPolicy,
    Signature,
    Suite,
)

_NEEDS_KENMERK = "needs the kenmerk of an earlier answer"
UNPROVOKED: Mapping[Check, str] = MappingProxyType(
    {
        checks.HTTP_BUSY: "needs more connections or octets than a case may open",
        checks.WSS_ENGINES: "needs a message that two implementations judge differently; "
        "none is known",
        checks.KENMERK_CONTINUE: _NEEDS_KENMERK,
        checks.BERICHTKENMERK_KNOWN: _NEEDS_KENMERK,
        checks.BERICHTKENMERK_REUSED: _NEEDS_KENMERK,
        checks.REPORT_EXPECTED: _NEEDS_KENMERK,
        checks.REPORT_FINAL: _NEEDS_KENMERK,
        checks.OFFER_PARTY: _NEEDS_KENMERK,
        checks.PARTY_IDENTIFIED: "TLS lets nobody in without a certificate; "
        "for who embeds the gate",
        checks.TECHNICAL: "needs a mistake of ours",
    }
)
"""Checks that no case of the corpus brings about, and why."""

_FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "addressing": "WS-Addressing headers: absent, twice, elsewhere, of another service",
        "agency": "what agencies report and offer, and who would like to be one",
        "algorithm": "digest and signature algorithms, HMAC with the public key",
        "certificate": "certificates of every wrong kind, as TLS client and as signer",
        "contract": "what the services refuse for its content",
        "coverage": "parts that nobody signed, parts that were changed",
        "digikoppeling": "the profiles 2W-be and 2W-be-S, on the Echo services",
        "envelope": "SOAP structure and schema",
        "flood": "what is small to send and large to process",
        "framing": "HTTP that two readers would read differently; slow and large heads",
        "http": "method, path, Content-Type, charset, SOAPAction, size",
        "ids": "one Id on two elements, in every spelling",
        "key": "KeyInfo tricks: whose key verifies",
        "mtom": "packages, parts, and what an Include may name",
        "party": "who may do what",
        "reference": "what a Reference may point at, and how many there may be",
        "replay": "the same signature again",
        "security": "the wsse:Security header and what stands in it",
        "signature": "form of the Signature; SignatureValue",
        "timestamp": "time, and how it is written",
        "token": "the BinarySecurityToken",
        "transform": "transforms and canonicalisation",
        "xml": "encodings, entities, comments, characters, well-formedness",
        "xsw": "signature wrapping: the signed part moved, a forged one in its place",
    }
)

# Title and the first check of each section; a new check lands in the right one by itself.
_SECTIONS = (
    ("HTTP", checks.HTTP_METHOD),
    ("MTOM", checks.MIME_FORM),
    ("XML", checks.XML_ENCODING),
    ("SOAP envelope", checks.SOAP_ENVELOPE),
    ("WS-Addressing", checks.WSA_REQUIRED),
    ("WS-Security: form", checks.WSS_PRESENT),
    ("Certificates", checks.PKI_CHAIN),
    ("WS-Security: signature, time and signer", checks.WSS_SIGNATURE),
    ("Schema", checks.XSD_VALID),
    ("Filings, questions and parties", checks.BERICHTSOORT_KNOWN),
)

_CHECKS = """\
A refusal names one check. In the sandbox its id stands in the fault text, in square brackets;
on every gateway it stands in the log: in production always, in a sandbox with `--verbose`.

- **Clause** is where the rule comes from; "ours" where no public text says it.
- **Digipoort** is the fault code: the prefix of the service (ALS, STS, OPH) with a number. The
  numbers are **our own mapping**: of the official codes only ALS100 and STS100 are known from
  messages, and the prefix OPH is inferred. See
  [what is proven](../explanation/what-is-proven.md).
- **Digikoppeling** is the faultcode, and the technical code in front of faultstring where there
  is one. Codes and faultcodes are those of the standards; which check gets which is ours. Several
  are told apart by what the refusal is about. `-` is a check that no service of Digikoppeling has.
- **HTTP** is the status of the answer. A SOAP fault has 500; the services of Digipoort can be set
  to 200. A check with another status is answered with one line of text and no fault.
- **Example** is the first [attack](attacks.md) that the check must refuse.
- The certificate checks hold twice. The TLS handshake applies chain, dates, purpose and CRLs
  to the client certificate and ends in a TLS alert; the gate applies all of them to the
  signer's certificate, and at every request to that of the TLS peer, and answers with a fault.

| number | what it is about |
|---|---|
| 100 | form, addressing, size; also a scenario that asks for a fault |
| 110 | signature or certificate |
| 120 | berichtsoort |
| 130 | sender: who it is, and what it may do |
| 140 | belanghebbende (reserved: no check uses it yet) |
| 150 | kenmerk |
| 160 | autorisatieAdres |
| 170 | attachments |
| 400 | technical, or too much at once; `faultcode`: `soapenv:Server`; others: `soapenv:Client` |
"""

_CLIENT_CHECKS = """\
The client applies the XML, SOAP, WS-Addressing, WS-Security and certificate checks above to
answers too, and these. A failure is an `AnswerRefused`; there is no fault code.
"""

_UNPROVOKED = """\
Every check has at least one attack, except those of ebMS, which the corpus does not speak, and
these:
"""

_REQUIREMENTS = """\
Every requirement on a provider of Digikoppeling WUS that we know of, in our own words: the
interface, addressing, message security, TLS and PKIoverheid. The ids are the official ones where
a requirement has one; otherwise they name the section of our list and the subject.

- **Enforced by** names [checks](checks.md) of what comes in. A rule about what goes out, or about
  TLS, has none.
- **Held by** names tests, and the [attack cases](attacks.md) that name the requirement, as
  `family/case` or as a family with a number of cases. Each fails when the requirement is broken.
- Digipoort itself is older and milder than Digikoppeling 3.0. Which rule holds on which address
  is the policy's matter: see [the policies](policies.md).
- This is what we read in the public documents. No compliance facility has judged it.
"""

_POLICIES = """\
A policy is what the messages of a service must meet, and what its answers will. A service has one,
for all its operations and both directions. They are values of `digipoort_wus.wss.policy`; there is
no lenient verifier beside them.

- The configuration changes little: in production `unsafe_accept_sha1` lets the suite `sha1` in
  again for Digipoort, `accept_pss` adds the suites with PSS for 2W-be-S, and `fault_status` sets
  the status of Digipoort's faults.
- In every policy: exclusive canonicalisation only, one transform for each Reference, each part by
  its own Reference, no comments, no DTD.
- Profile 2W-be-SE (encryption) is not offered: see [the requirements](requirements.md).
"""

_ATTACKS = """\
The attack corpus: what a stranger or a party may send, and what must come of it. It comes with the
package, and runs against any gateway: see
[attack a gateway, and add an attack](../how-to/attack.md). Behind every case an ordinary filing
must be accepted.

**Expected** is the check that refuses, `accepted` for what is only odd, or what TLS does.
"""

_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "signature": "signature",
        "suites": "signature and digest algorithms (suites, which may be mixed)",
        "skew": "clocks may differ",
        "max_age": "greatest age without Expires",
        "max_window": "longest time from Created to Expires",
        "expires": "Expires",
        "confirmation": "SignatureConfirmation",
        "token_reference": "KeyInfo",
        "soap_action": "HTTP header SOAPAction",
        "charset": "charset in Content-Type",
        "hygiene": "rules of the SOAP envelope",
        "addressing": "",
        "replay": "the same question again",
        "faults": "faults",
        "fault_signature": "signature of faults",
        "fault_status": "HTTP status of faults",
        "values": "wsa:To, Action, MessageID and Address",
        "to": "wsa:To names",
        "source": "wsa:From names",
        "others": "other wsa headers",
        "oin": "query parameter OIN of To and From says",
    }
)
# The algorithms themselves follow from the suites.
_DERIVED = {"name", "signature_algorithms", "digest_algorithms"}
_ONLY_SIGNED = {"suites", "token_reference"}


def checks_page() -> str:
    """Return the page of all checks."""
    examples = _examples(load_cases(cases_directory()))
    parts = [_CHECKS]
    for title, rows in _sections():
        found = table(
            ("id", "what is checked", "clause", "Digipoort", "Digikoppeling", "HTTP", "example"),
            (
                (
                    f"`{c.id}`",
                    c.rule,
                    c.clause,
                    "none" if c.http else str(c.code),
                    _digikoppeling(c),
                    str(c.http or 500),
                    examples.get(c, "-"),
                )
                for c in rows
            ),
        )
        parts.append(f"## {title}\n\n{found}")
    parts.append(ebms_checks())
    ours = [value for value in vars(client_checks).values() if isinstance(value, Check)]
    found = table(("id", "rule", "clause"), ((f"`{c.id}`", c.rule, c.clause) for c in ours))
    parts.append(f"## In the client only\n\n{_CLIENT_CHECKS}\n{found}")
    found = table(("id", "why"), ((f"`{c.id}`", why) for c, why in UNPROVOKED.items()))
    parts.append(f"## Without an attack\n\n{_UNPROVOKED}\n{found}")
    return page("Checks", "`digipoort_wus/checks/`", parts)


def requirements_page() -> str:
    """Return the page of every requirement, with what holds it or why nothing does."""
    cases = load_cases(cases_directory())
    found = load_requirements()
    levels = "\n".join(f"- **{level}**: {meaning}" for level, meaning in LEVELS.items())
    applicable = table(
        ("id", "level", "requirement", "enforced by", "held by"),
        (
            (r.id, r.level, r.says, ", ".join(f"`{c}`" for c in r.checks), _held_by(r, cases))
            for r in found
            if not r.not_applicable
        ),
    )
    others = table(
        ("id", "level", "requirement", "why nothing here enforces it"),
        ((r.id, r.level, r.says, r.not_applicable) for r in found if r.not_applicable),
    )
    return page(
        "Requirements",
        "`digipoort_wus/conformance/requirements.toml` and the attacks",
        [f"{_REQUIREMENTS}\n{levels}\n\n{applicable}", f"## Not applicable\n\n{others}"],
    )


def policies_page() -> str:
    """Return the page of the policies, side by side."""
    policies = tuple(POLICIES.values())
    rows = [("services", *(_services(policy) for policy in policies))]
    rows += [
        (_LABELS[field.name], *(_value(policy, field.name) for policy in policies))
        for field in fields(SecurityPolicy)
        if field.name not in _DERIVED and field.name != "addressing"
    ]
    rows += [
        (
            _LABELS[field.name],
            *(_words(getattr(policy.addressing, field.name)) for policy in policies),
        )
        for field in fields(AddressingRules)
    ]
    side_by_side = table(("", *(f"`{policy.name}`" for policy in policies)), rows)
    suites = table(
        ("suite", "SignatureMethod", "DigestMethod"),
        (
            (f"`{s.name}`", f"`{s.signature}`", f"`{s.digest}`")
            for s in (SUITE_SHA1, *SUITES_SHA2, *SUITES_PSS)
        ),
    )
    return page(
        "Policies",
        "`digipoort_wus/wss/policy.py`",
        [_POLICIES, side_by_side, f"## Suites\n\n{suites}"],
    )


def attacks_page() -> str:
    """Return the page of the attack corpus."""
    cases = load_cases(cases_directory())
    counts = Counter(case.family for case in cases)
    accepted = Counter(case.family for case in cases if case.expected.answer == "accepted")
    overview = table(
        ("family", "about", "cases", "of which accepted"),
        (
            (f"[{family}](#{family})", _FAMILIES[family], str(count), str(accepted[family]))
            for family, count in [*sorted(counts.items())]
        ),
    )
    parts = [_ATTACKS, f"{overview}| all | | {len(cases)} | {accepted.total()} |\n"]
    for family in sorted(counts):
        rows = (
            (
                f"`{case.id}`",
                case.title,
                _expected(case),
                ", ".join(case.refs),
                ", ".join(case.requirements),
            )
            for case in cases
            if case.family == family
        )
        head = ("case", "what is sent", "expected", "known as", "requirements")
        parts.append(f"## {family}\n\n{table(head, rows)}")
    return page("Attacks", "`tests/attacks/`", parts)


def _sections() -> Iterator[tuple[str, list[Check]]]:
    starts = [checks.CATALOGUE.index(first) for _, first in _SECTIONS]
    # Those of ebMS have columns of their own.
    ends = [*starts[1:], checks.CATALOGUE.index(EBMS[0])]
    for (title, _), start, end in zip(_SECTIONS, starts, ends, strict=True):
        yield title, list(checks.CATALOGUE[start:end])


def _digikoppeling(check: Check) -> str:
    if check.http:
        return "none"
    found = [ROWS[check]] if check in ROWS else []
    found += [row for (other, _), row in ROWS_ABOUT.items() if other is check]
    return ", ".join(dict.fromkeys(map(_told, found))) or "-"


def _told(row: Row) -> str:
    return f"`{row.faultcode}` {row.code}".rstrip()


def _examples(cases: Sequence[Case]) -> dict[Check, str]:
    examples: dict[Check, str] = {}
    for case in cases:
        if case.expected.check is not None:
            shown = f"{case.title} ([{case.id}](attacks.md#{case.family}))"
            examples.setdefault(case.expected.check, shown)
    return examples


def _held_by(requirement: Requirement, cases: Sequence[Case]) -> str:
    found = [case for case in cases if not requirement.names.isdisjoint(case.requirements)]
    counts = Counter(case.family for case in found)
    holders = [f"`{test}`" for test in requirement.tests]
    for family, count in counts.items():
        if count > 6:
            holders.append(f"[{count} cases of {family}](attacks.md#{family})")
        else:
            holders += [f"`{family}/{case.id}`" for case in found if case.family == family]
    return ", ".join(holders)


def _services(policy: SecurityPolicy) -> str:
    found = [service.name for service in names.ENDPOINTS.values() if service.policy == policy.name]
    return ", ".join(found)


def _value(policy: SecurityPolicy, name: str) -> str:
    if policy.signature is Signature.NONE and name in _ONLY_SIGNED:
        return "nothing is signed"
    return _words(getattr(policy, name))


def _words(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():,.0f} s"
    if isinstance(value, tuple):
        return ", ".join(f"`{suite.name}`" for suite in value if isinstance(suite, Suite))
    return str(value)


def _expected(case: Case) -> str:
    expected = case.expected
    if expected.check is not None:
        return f"`{expected.check.id}`"
    return {
        "accepted": "accepted",
        "alert": f"TLS alert {expected.alert}".rstrip(),
        "closed": "the connection is closed",
    }[expected.answer]
