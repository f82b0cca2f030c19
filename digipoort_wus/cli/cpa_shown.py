"""What ``digipoort-wus cpa`` prints: agreements, findings and mistakes, for people and as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import click

from digipoort_wus.cli.options import number_of, printable
from digipoort_wus.clock import format_utc
from digipoort_wus.ebms.cpa import Agreement, Exchange, PartyInfo, exchanges
from digipoort_wus.ebms.cpa_finding import Finding, Weight
from digipoort_wus.ebms.cpa_reading import CpaError
from digipoort_wus.ebms.cpa_words import certificates_of, day, words_for
from digipoort_wus.ebms.message import PartyId, Service
from digipoort_wus.ebms.terms import Agreed, SyncReply

_HEADS = ("action", "profile", "acknowledged", "retries", "kept", "signed", "encrypted")


def print_agreement(agreement: Agreement, at: datetime) -> None:
    """Print who the parties are, and a table of what each may send."""
    left = (agreement.end - at).days
    days = number_of(left if left >= 0 else -left - 1, "day", "days")
    ends = f"{days} left" if left >= 0 else f"ended {days} ago"
    click.echo(f"CPA {printable(agreement.cpa_id)} (version {printable(agreement.version)})")
    click.echo(
        f"  {agreement.status.value}, from {day(agreement.start)} to {day(agreement.end)}, {ends}"
    )
    for party in agreement.parties:
        click.echo(f"\n{printable(party.name)}")
        for each in party.ids:
            click.echo(f"  {'id':<19} {printable(_id(each))}")
        for use, told in certificates_of(agreement, party).items():
            click.echo(f"  {use:<19} {told}")
    for party in agreement.parties:
        _print_sent(agreement, party)


def _print_sent(agreement: Agreement, party: PartyInfo) -> None:
    found: dict[str, list[Exchange]] = {}
    for each in exchanges(agreement):
        if each.sender is party:
            named = f"{_service(each.service)}, as {each.role}"
            found.setdefault(named, []).append(each)
    other = printable(agreement.other(party).name)
    click.echo(f"\n{printable(party.name)} may send {other}" + ("" if found else " nothing"))
    urls: dict[str, None] = {}
    for named, sent in found.items():
        rows = []
        for each in sent:
            words = words_for(agreement, each)
            rows.append(_row(each.sent.action, words))
            if "to" in words:
                urls[f"to {words['to']}, answers to {words['answer to']}"] = None
        click.echo(f"  {printable(named)}")
        _print_table((_HEADS, *rows))
    for url in urls:
        click.echo(f"  {printable(url)}")


def _row(action: str, words: Mapping[str, str]) -> tuple[str, ...]:
    if "cannot go" in words:
        return printable(action), printable(f"cannot go: {words['cannot go']}")
    asked = words["acknowledged"]
    if asked != Agreed.NEVER:
        asked += {"always": ", signed", "never": ", unsigned"}.get(
            words["acknowledgment signed"], ", perhaps signed"
        )
    if words["in the HTTP answer"] != SyncReply.NONE:
        asked += f" ({words['in the HTTP answer']})"
    signed = words["signed"].partition(" ")[0]
    told = (action, words["profile"], asked, words["retries"], words["kept"], signed)
    return tuple(printable(each) for each in (*told, words["encrypted"]))


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    # A row of another length ends in a sentence, which has no column.
    whole = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(len(row[index]) for row in whole) for index in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
        click.echo(f"    {'  '.join(cells).rstrip()}")


def values(agreement: Agreement) -> dict[str, object]:
    """Return an agreement as JSON values."""
    return {
        "cpa_id": agreement.cpa_id,
        "version": agreement.version,
        "status": agreement.status.value,
        "start": format_utc(agreement.start),
        "end": format_utc(agreement.end),
        "parties": [
            {
                "name": party.name,
                "ids": [_id(each) for each in party.ids],
                "certificates": dict(certificates_of(agreement, party)),
            }
            for party in agreement.parties
        ],
        "actions": [
            {
                "from": each.sender.name,
                "role": each.role,
                "to": each.receiver.name,
                "to_role": each.receiver_role,
                "service": _service(each.service),
                "action": each.sent.action,
                "agreed": dict(words_for(agreement, each)),
            }
            for each in exchanges(agreement)
        ],
    }


def print_findings(agreement: Agreement, found: Iterable[Finding]) -> None:
    """Print what is wrong with an agreement, errors first."""
    counted = dict.fromkeys(Weight, 0)
    for each in found:
        counted[each.kind.weight] += 1
        click.echo(f"{each.kind.weight.value}: {printable(str(each))}")
    errors, warnings = counted[Weight.ERROR], counted[Weight.WARNING]
    told = f"{number_of(errors, 'error', 'errors')}, {number_of(warnings, 'warning', 'warnings')}"
    usable = "cannot be used" if errors else "can be used"
    click.echo(f"CPA {printable(agreement.cpa_id)} {usable}: {told}.")


def findings_values(agreement: Agreement, found: Iterable[Finding]) -> dict[str, object]:
    """Return what is wrong with an agreement as JSON values."""
    found = list(found)
    return {
        "cpa_id": agreement.cpa_id,
        "usable": all(each.kind.weight is not Weight.ERROR for each in found),
        "mistakes": [],
        "findings": [
            {
                "id": each.kind.id,
                "weight": each.kind.weight.value,
                "at": each.at,
                "found": each.found,
                "rule": each.kind.rule,
                "remedy": each.kind.remedy,
                "source": each.kind.source,
            }
            for each in found
        ],
    }


def print_mistakes(error: CpaError) -> None:
    """Print why a document is no agreement: every mistake."""
    for each in error.mistakes:
        click.echo(f"error: {printable(str(each))}")
    number = number_of(len(error.mistakes), "mistake", "mistakes")
    click.echo(f"This is no CPA that can be read: {number}.")


def unreadable_values(error: CpaError) -> dict[str, object]:
    """Return why a document is no agreement, as JSON values."""
    mistakes = [{"at": each.at, "text": each.text} for each in error.mistakes]
    return {"cpa_id": None, "usable": False, "mistakes": mistakes, "findings": []}


def _id(party_id: PartyId) -> str:
    return f"{party_id.type}:{party_id.value}" if party_id.type else party_id.value


def _service(service: Service) -> str:
    return f"{service.type}:{service.value}" if service.type else service.value
