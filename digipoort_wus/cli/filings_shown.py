"""What ``filings list`` and ``filings show`` print of filings: no contents, and no names."""

from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.options import printable
from digipoort_wus.cli.traces import trace_lines, trace_of
from digipoort_wus.clock import format_utc
from digipoort_wus.errors import DigipoortError

if TYPE_CHECKING:
    from digipoort_wus.store.ports import Job, Reader, Summary, ValidationRow


def shown_of(reader: "Reader", kenmerk: str, *, traced: bool) -> dict[str, object]:
    """Return what is known of the deliveries of a process, as a JSON document says it.

    Args:
        reader: of the store.
        kenmerk: of the process.
        traced: also what each rule came to.

    Raises:
        NotPossible: there is no such process.
    """
    from digipoort_wus.process.operator import NotPossible
    from digipoort_wus.store.ports import Overview, Selection

    found = reader.overview(Overview(kenmerk=kenmerk, limit=10_000))
    if not found:
        raise NotPossible(f"There is no filing with kenmerk {kenmerk}.")
    rows = reader.statuses(Selection(found[0].filing.sender, kenmerk=kenmerk))
    chain = reader.evidence(kenmerk)
    judged = reader.validations(kenmerk) if traced else ()
    return {
        "deliveries": [
            {
                **as_dict(one),
                "contents": _sizes(reader, one),
                "statuses": [
                    {
                        "code": row.status.code,
                        "at": format_utc(row.status.at),
                        "error": row.status.error and row.status.error.code,
                    }
                    for row in rows
                    if row.filing_id == one.filing.filing_id
                ],
                **(
                    {"validations": [trace_of(row) for row in judged if _is_of(one, row)]}
                    if traced
                    else {}
                ),
            }
            for one in reversed(found)
        ],
        "evidence": {
            "entries": len(chain),
            "sealed": sum(entry.batch_id is not None for entry in chain),
        },
    }


def _is_of(one: "Summary", row: "ValidationRow") -> bool:
    return row.filing_id == one.filing.filing_id


def _sizes(reader: "Reader", one: "Summary") -> list[int] | str:
    from digipoort_wus.filing.content import size_of
    from digipoort_wus.store.ports import PayloadDamaged
    from digipoort_wus.store.secrets import SecretDestroyed

    try:
        delivery = reader.filing(one.filing.filing_id).delivery
    except SecretDestroyed:
        return "purged"
    except PayloadDamaged as error:
        return str(error)
    return [size_of(each.content) for each in (delivery.document, *delivery.attachments)]


def as_dict(one: "Summary") -> dict[str, object]:
    """Return one delivery as a JSON document says it."""
    filing = one.filing
    return {
        "number": filing.filing_id,
        "kenmerk": filing.kenmerk,
        "sender": filing.sender,
        "berichtsoort": filing.berichtsoort,
        "message_id": one.message_id,
        "received_at": format_utc(one.received_at),
        "status": one.status,
        "job": None if one.job is None else _job(one.job),
        "hold": one.hold,
        "purged_at": None if one.purged_at is None else format_utc(one.purged_at),
    }


def _job(job: "Job") -> dict[str, object]:
    return {
        "step": job.step,
        "state": job.state.value,
        "run_at": format_utc(job.run_at),
        "since": format_utc(job.since),
        "attempts": job.attempts,
        "crashes": job.crashes,
        "reason": job.reason,
    }


def line_of(one: "Summary") -> str:
    """Return one delivery as a line of a list."""
    filing = one.filing
    words = [
        str(filing.filing_id),
        filing.kenmerk,
        format_utc(one.received_at),
        filing.sender,
        filing.berichtsoort,
        one.status or "-",
    ]
    if one.job is not None:
        words.append(f"{one.job.step} ({one.job.state.value}, attempts {one.job.attempts})")
    words += ["held"] * (one.hold is not None) + ["purged"] * (one.purged_at is not None)
    return printable("  ".join(words))


def print_shown(shown: dict[str, object]) -> None:
    """Print what :func:`shown_of` returned, for people."""
    deliveries, evidence = shown["deliveries"], shown["evidence"]
    if not isinstance(deliveries, list) or not isinstance(evidence, dict):
        raise DigipoortError("nothing to show")
    for one in deliveries:
        for name, value in one.items():
            if name == "statuses":
                for status in value:
                    error = f"  {status['error']}" if status["error"] else ""
                    click.echo(printable(f"  {status['code']}  {status['at']}{error}"))
            elif name == "validations":
                for line in trace_lines(value):
                    click.echo(printable(f"  {line}"))
            elif name == "job" and value:
                for key, inner in value.items():
                    if inner is not None:
                        click.echo(printable(f"job {key}: {inner}"))
            elif name == "contents" and isinstance(value, list):
                click.echo(f"contents: {', '.join(f'{size} octets' for size in value)}")
            elif value is not None:
                click.echo(printable(f"{name.replace('_', ' ')}: {value}"))
    click.echo(f"evidence: {evidence['entries']} entries, {evidence['sealed']} sealed")
