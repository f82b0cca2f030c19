"""How explanations look on a terminal, and as JSON."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from digipoort_wus.cli.options import print_json
from digipoort_wus.clock import format_utc
from digipoort_wus.pki.explain import Explained, Link, name_of
from digipoort_wus.pki.revocation import format_second
from digipoort_wus.server.explain import Explanation, Finding, canonical_of

_WIDTH_MAX, _WIDTH_MIN = 100, 60
_LABEL = 10
_AROUND = 48
"""Octets that a hexdump shows before and behind the first difference."""


_CERTIFICATE = "certificate"
"""Among what was not judged: without it acceptance says little."""


def unjudged(
    explanation: Explanation, *, trust_given: bool, time_given: bool
) -> tuple[tuple[str, str], ...]:
    """Return what was not judged of a request that nothing is wrong with: a word, a sentence."""
    if explanation.accepted is None:
        return ()
    left = [
        ("connection", "Who connects, whether his row lets him, and whether it came before."),
    ]
    if not time_given:
        left.insert(0, ("clock", "Whether it came in time: give --at."))
    if not trust_given:
        trust = "give --pki-dir, or --ca-file and --crl-dir."
        left.insert(0, (_CERTIFICATE, f"The certificate, its chain, dates and CRLs: {trust}"))
    return tuple(left)


def print_request(
    explanation: Explanation,
    about: Explained | None,
    at: datetime,
    why: str,
    *,
    certificate_given: bool,
    unjudged: Sequence[tuple[str, str]],
) -> None:
    """Print what there is to say about a request; ``about`` is shown where it matters."""
    judged = f"{explanation.service.name} under {explanation.policy.name}"
    accepted = explanation.accepted
    if accepted is None:
        click.echo(f"{click.style('REFUSED', fg='red', bold=True)}   {judged}")
    elif _is_open(unjudged):
        click.echo(f"{click.style('UNDECIDED', fg='yellow', bold=True)} {judged}")
    else:
        click.echo(f"{click.style('ACCEPTED', fg='green', bold=True)}  {judged}")
    line("at", f"{format_utc(at)} ({why})")
    if accepted is not None:
        line("sender", f"OIN {accepted.oin}")
        if accepted.certificate is not None:
            line("signer", name_of(accepted.certificate))
        line("signed", ", ".join(accepted.signed) or "nothing: this policy has no signatures")
        line("until", format_utc(accepted.until))
        for number, (_, sentence) in enumerate(unjudged):
            line("unjudged" if not number else "", sentence)
    before: Finding | None = None
    for number, finding in enumerate(explanation.findings, 1):
        click.echo()
        _print_finding(number, finding, before)
        before = finding
    if accepted is None and not explanation.complete:
        click.echo()
        _text("The checks behind the last one could not be made: mend it, and explain again.")
    told = accepted is not None
    if about is None and not told and _has_certificate(explanation):
        click.echo()
        _text("Certificates were not judged: give --pki-dir, or --ca-file and --crl-dir.")
    elif about is not None and (certificate_given or _has_pki(explanation)):
        click.echo()
        print_certificate(about, at)


def print_certificate(about: Explained, at: datetime) -> None:
    """Print what there is to say about a certificate."""
    click.echo(f"{click.style('CERTIFICATE', bold=True)}  {name_of(about.certificate)}")
    line("at", format_second(at))
    line("OIN", about.oin or "none that can be read")
    line("key usage", ", ".join(about.uses) or "not limited")
    line("policies", ", ".join(about.policies) or "none")
    line("good for", ", ".join(about.purposes) or "nothing that is known here")
    for level, link in enumerate(about.links):
        line("chain" if not level else "", f"{level}  {link.name}")
        line("", f"   {link.found_in}, {link.key}, {_dates(link, at)}")
        if link.revocation:
            line("", f"   {link.revocation}")
    if about.missing:
        line("missing", about.missing)
    for role, refusal in about.verdicts.items():
        click.echo()
        if refusal is None:
            line(role.value, click.style("yes", fg="green"))
            continue
        line(role.value, f"{click.style('no', fg='red')}, {refusal.check.id}: {refusal.check.rule}")
        line("  expected", refusal.expected)
        line("  received", refusal.received)


def print_canonical(explanation: Explanation, part: str) -> None:
    """Print the canonical octets of a part, and where they differ from what was signed."""
    octets = canonical_of(explanation.message, part) if explanation.message is not None else None
    if octets is None:
        raise click.UsageError(f"--show-canonical: the message has no part {part} to show.")
    click.echo(
        f"\n{click.style(f'CANONICAL {part}', bold=True)}  {len(octets)} octets, as computed here"
    )
    click.echo(harmless(octets.decode("utf-8", "replace")))
    for finding in explanation.findings:
        signed = finding.found.octets if finding.found is not None else None
        if finding.part.lower() != part.lower() or signed is None or signed == octets:
            continue
        place = _first_difference(octets, signed)
        click.echo(f"\n{click.style(f'SIGNED {part}', bold=True)}  {len(signed)} octets")
        click.echo(f"First difference at octet {place}. Computed here:")
        click.echo("\n".join(_hexdump(octets, place)))
        click.echo("Signed:")
        click.echo("\n".join(_hexdump(signed, place)))


def print_request_json(
    explanation: Explanation,
    about: Explained | None,
    at: datetime,
    unjudged: Sequence[tuple[str, str]],
) -> None:
    """Print an explanation as a JSON document; its keys stay as they are.

    ``accepted`` is null where nothing is wrong and the certificate was not judged.
    """
    accepted = explanation.accepted
    print_json(
        {
            "accepted": None if _is_open(unjudged) else accepted is not None,
            "service": explanation.service.name,
            "policy": explanation.policy.name,
            "at": format_utc(at),
            "oin": accepted.oin if accepted is not None else None,
            "signed": list(accepted.signed) if accepted is not None else [],
            "until": format_utc(accepted.until) if accepted is not None else None,
            "complete": explanation.complete,
            "not_judged": [word for word, _ in unjudged],
            "findings": [_finding_json(finding) for finding in explanation.findings],
            "certificate": None if about is None else _certificate_json(about),
        }
    )


def print_certificate_json(about: Explained, at: datetime) -> None:
    """Print what is said of a certificate as a JSON document; its keys stay as they are."""
    print_json({"at": format_utc(at), **_certificate_json(about)})


def _finding_json(finding: Finding) -> dict[str, Any]:
    hint = finding.found.hint() if finding.found is not None else None
    check = finding.refusal.check
    return {
        "check": check.id,
        "clause": check.clause,
        "rule": check.rule,
        "part": finding.part or None,
        "expected": finding.refusal.expected or None,
        "received": finding.refusal.received or None,
        "cause": finding.found.id if finding.found is not None else None,
        "detail": (finding.found.detail or None) if finding.found is not None else None,
        "explanation": hint.english if hint is not None else None,
        "uitleg": hint.dutch if hint is not None else None,
        "remedy": finding.remedy,
        "first": finding.first,
    }


def _certificate_json(about: Explained) -> dict[str, Any]:
    return {
        "subject": name_of(about.certificate),
        "oin": about.oin,
        "key_usage": list(about.uses),
        "policies": list(about.policies),
        "good_for": list(about.purposes),
        "chain": [
            {
                "name": link.name,
                "found_in": link.found_in,
                "key": link.key,
                "not_before": format_second(link.not_before),
                "not_after": format_second(link.not_after),
                "days_left": link.days_left,
                "revocation": link.revocation or None,
            }
            for link in about.links
        ],
        "missing": about.missing or None,
        "roles": {
            role.value: {
                "accepted": refusal is None,
                "check": refusal.check.id if refusal is not None else None,
                "expected": (refusal.expected or None) if refusal is not None else None,
                "received": (refusal.received or None) if refusal is not None else None,
            }
            for role, refusal in about.verdicts.items()
        },
    }


def _is_open(unjudged: Sequence[tuple[str, str]]) -> bool:
    return any(word == _CERTIFICATE for word, _ in unjudged)


def _has_certificate(explanation: Explanation) -> bool:
    return explanation.message is not None and explanation.message.certificate is not None


def _has_pki(explanation: Explanation) -> bool:
    return any(finding.refusal.check.id.startswith("PKI-") for finding in explanation.findings)


def _print_finding(number: int, finding: Finding, before: Finding | None) -> None:
    """Print a finding; of one that repeats the one before, only what differs."""
    check, found = finding.refusal.check, finding.found
    first = "   <- what the gateway says" if finding.first else ""
    again = before is not None and check is before.refusal.check
    click.echo(f"{number}. {click.style(check.id, bold=True)}{first}")
    if not again:
        line("rule", check.rule)
        line("clause", check.clause)
    line("part", finding.part)
    line("expected", finding.refusal.expected)
    line("received", finding.refusal.received)
    if found is not None and again and before is not None and before.found == found:
        line("cause", f"{found.id}, as above")
        return
    if found is not None:
        line("cause", found.hint().english)
    elif finding.part:
        line("cause", "none of the usual ones; it was changed after signing in another way")
    line("do", finding.remedy)


def _dates(link: Link, at: datetime) -> str:
    if at < link.not_before:
        return f"not before {format_second(link.not_before)}"
    left = f"{link.days_left} days left" if link.days_left >= 0 else "expired"
    return f"until {format_second(link.not_after)} ({left})"


def line(label: str, text: str) -> None:
    """Print a labelled text, wrapped; nothing when there is no text."""
    if not text:
        return
    width = min(_WIDTH_MAX, max(_WIDTH_MIN, shutil.get_terminal_size((80, 24)).columns))
    indent = " " * (3 + _LABEL)
    start = f"   {label:<{_LABEL}}"
    if len(label) >= _LABEL:
        start = f"   {label} "
    # break_on_hyphens would take identifiers and URIs apart.
    lines = textwrap.wrap(text, width - len(indent), break_on_hyphens=False, break_long_words=False)
    click.echo("\n".join([f"{start}{lines[0]}", *(indent + line for line in lines[1:])]))


def _text(text: str) -> None:
    click.echo(textwrap.fill(text, _WIDTH_MAX - 20))


def harmless(text: str) -> str:
    """Keep line ends and tabs, and show what could steer a terminal as an escape."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def _first_difference(one: bytes, other: bytes) -> int:
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


def _hexdump(octets: bytes, place: int) -> Iterator[str]:
    start = max(0, place - _AROUND) // 16 * 16
    for at in range(start, min(len(octets), place + _AROUND), 16):
        row = octets[at : at + 16]
        hexadecimal = " ".join(f"{octet:02x}" for octet in row)
        shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in row)
        mark = ">" if at <= place < at + 16 else " "
        yield f"{mark} {at:08x}  {hexadecimal:<47}  {shown}"
