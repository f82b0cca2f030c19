"""``digipoort-wus cpa``: make, check, show and compare agreements for ebMS 2.0."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from digipoort_wus.cli.cpa_stored import add, list_stored, remove
from digipoort_wus.cli.options import note, number_of, outcomes, print_json, printable, require_new
from digipoort_wus.clock import parse_date_time, system_clock
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.ebms.cpa import Agreement
    from digipoort_wus.ebms.cpa_finding import Finding

_F = TypeVar("_F", bound=Callable[..., object])
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_NEW_FILE = click.Path(path_type=Path, dir_okay=False)
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
_DATE = click.option(
    "--date", "day", metavar="DAY", help="Judge as on this day, like 2026-01-31. [default: now]"
)
_PROFILES = ("osb-be", "osb-rm", "osb-be-s", "osb-rm-s", "osb-be-e", "osb-rm-e")
_CHECK_EXIT_CODES = """\b
Exit status:
  0  the agreement can be used; there may be warnings
  1  it cannot be used, or is none
  2  wrong use of this command
"""
_DIFF_EXIT_CODES = """\b
Exit status:
  0  they say the same
  1  they differ, or one cannot be read
  2  wrong use of this command
"""


@click.group()
def cpa() -> None:
    """Make, check, show and compare agreements (CPAs) for ebMS 2.0, and put them to use."""


for _command in (add, list_stored, remove):
    cpa.add_command(_command)


def _party_options(command: _F) -> _F:
    """Add the options of both parties, with the letter of the party behind them."""
    for letter, role in (("b", "the second party"), ("a", "the first party")):
        for name, kind, told in reversed(
            (
                ("name", str, f"Name of {role}, for people."),
                ("oin", str, "Its OIN, outside of production with a suffix such as _T."),
                ("role", str, "Its role on the wire; --digipoort fills it in."),
                ("url", str, "Where it takes messages: an https URL."),
                ("cert", _FILE, "Its certificate (PEM or DER), for all that follows."),
                ("client-cert", _FILE, "What it connects with, where that is another one."),
                ("server-cert", _FILE, "What it listens with, where that is another one."),
                ("signing-cert", _FILE, "What it signs with, where that is another one."),
                ("encryption-cert", _FILE, "What others encrypt for, where that is another one."),
                ("ca", _FILE, "Roots and issuers that it trusts (PEM), to be named."),
            )
        ):
            needed = name in ("name", "oin", "url")
            option = f"--{name}-{letter}"
            command = click.option(option, type=kind, required=needed, help=told)(command)
    return command


@cpa.command()
@click.option("--profile", type=click.Choice(_PROFILES), required=True, help="Of all its messages.")
@_party_options
@click.option(
    "--digipoort",
    is_flag=True,
    help="Take Digipoort's services aanleveren and afleveren, the government body as first party.",
)
@click.option(
    "--a-sends",
    multiple=True,
    metavar="SERVICE=ACTION",
    help="What the first party may send; may be repeated.",
)
@click.option(
    "--b-sends",
    multiple=True,
    metavar="SERVICE=ACTION",
    help="What the second party may send; may be repeated.",
)
@click.option(
    "--service-type",
    default="urn:osb:services",
    show_default=True,
    help="Type of the services of --a-sends and --b-sends.",
)
@click.option("--id", "cpa_id", metavar="TEXT", help="CPAId. [default: made of all the rest]")
@click.option("--start", metavar="DAY", help="First day, in UTC. [default: today]")
@click.option("--end", metavar="DAY", help="Last moment. [default: of the first certificate]")
@click.option(
    "--retries",
    type=click.IntRange(0, 1000),
    default=8,
    show_default=True,
    help="After the first attempt, of a reliable profile.",
)
@click.option(
    "--interval", default="PT3H", show_default=True, help="Between attempts, as xs:duration."
)
@click.option("--persist", help="PersistDuration. [default: whole days, beyond all attempts]")
@click.option("--sync", is_flag=True, help="Send signals in the HTTP answer (mshSignalsOnly).")
@click.option("--out", type=_NEW_FILE, help="New file. [default: standard output]")
def create(out: Path | None, **options: object) -> None:
    """Make an agreement of a Digikoppeling profile for two parties.

    Warnings about it go to standard error. On the same day the same options make the same
    agreement; with --start on every day.
    """
    from digipoort_wus.cli import cpa_created
    from digipoort_wus.ebms.cpa_making import make_agreement

    if out is not None:
        require_new(out)
    start, end = options.pop("start"), options.pop("end")
    now = system_clock()
    plan = cpa_created.plan_of(
        options,
        start=_moment(start) if isinstance(start, str) else datetime(*_today(now), tzinfo=UTC),
        end=_moment(end) if isinstance(end, str) else None,
    )
    octets, found = make_agreement(plan, at=now)
    for each in found:
        note(f"warning: {printable(str(each))}")
    if out is None:
        click.echo(octets.decode("utf-8"), nl=False)
        return
    out.write_bytes(octets)
    note(f"Wrote {out}. Next: digipoort-wus cpa show {out}")


@cpa.command(epilog=_CHECK_EXIT_CODES)
@click.argument("file", type=_FILE)
@_DATE
@_AS_JSON
@click.pass_context
def check(ctx: click.Context, file: Path, *, day: str | None, as_json: bool) -> None:
    """Say what is wrong with the agreement in FILE: errors, and warnings.

    Its form, its references, what it says of reliability, signatures and encryption, its
    certificates, and how its two halves fit. A signature over the agreement itself, and the
    issuers of its certificates, are not verified.
    """
    from digipoort_wus.cli import cpa_shown
    from digipoort_wus.ebms.cpa_findings import findings
    from digipoort_wus.ebms.cpa_reading import CpaError

    at = system_clock() if day is None else _moment(day)
    try:
        agreement = _read(file)
    except CpaError as error:
        if as_json:
            print_json(cpa_shown.unreadable_values(error))
        else:
            cpa_shown.print_mistakes(error)
        ctx.exit(1)
    except ConfigurationError as error:
        if as_json:
            print_json({"error": "configuration", "message": str(error)})
        raise
    found = findings(agreement, at=at)
    if as_json:
        print_json(cpa_shown.findings_values(agreement, found))
    else:
        cpa_shown.print_findings(agreement, found)
    ctx.exit(1 if _errors(found) else 0)


@cpa.command()
@click.argument("file", type=_FILE)
@_DATE
@_AS_JSON
def show(file: Path, *, day: str | None, as_json: bool) -> None:
    """Show the agreement in FILE: who may send what to whom, and how.

    What it says is shown as it is used here; `cpa check` says what is wrong with it.
    """
    from digipoort_wus.cli import cpa_shown
    from digipoort_wus.ebms.cpa_findings import findings

    at = system_clock() if day is None else _moment(day)
    with outcomes(as_json=as_json):
        agreement = _read(file)
        if as_json:
            print_json(cpa_shown.values(agreement))
        else:
            cpa_shown.print_agreement(agreement, at)
        found = findings(agreement, at=at)
        errors = _errors(found)
        if found:
            told = f"{number_of(errors, 'error', 'errors')} and "
            told += number_of(len(found) - errors, "warning", "warnings")
            note(f"{told}: see `digipoort-wus cpa check {file}`.")


@cpa.command(epilog=_DIFF_EXIT_CODES)
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@_AS_JSON
@click.pass_context
def diff(ctx: click.Context, old: Path, new: Path, *, as_json: bool) -> None:
    """Say in words how the agreement in NEW differs from that in OLD.

    What the parties may do and how counts, not how the document is divided.
    """
    from digipoort_wus.ebms.cpa_words import differences

    with outcomes(as_json=as_json):
        found = differences(_read(old), _read(new))
        if as_json:
            print_json({"differences": list(found)})
        else:
            for each in found:
                click.echo(printable(each))
            if not found:
                note("They say the same.")
        ctx.exit(1 if found else 0)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read ({error.strerror}): check the path and its permissions."
        ) from error


def _read(file: Path) -> "Agreement":
    from digipoort_wus.ebms.cpa_reading import MAX_OCTETS, read_agreement

    with _named(file), file.open("rb") as opened:
        # One octet more than may be is enough to refuse it.
        octets = opened.read(MAX_OCTETS + 1)
    return read_agreement(octets)


def _errors(found: "tuple[Finding, ...]") -> int:
    from digipoort_wus.ebms.cpa_finding import Weight

    return sum(each.kind.weight is Weight.ERROR for each in found)


def _moment(text: str) -> datetime:
    try:
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return parse_date_time(text)
    except ValueError as error:
        raise click.UsageError(
            f"{text!r} is no day like 2026-01-31, nor a moment like 2026-01-31T09:00:00Z."
        ) from error


def _today(now: datetime) -> tuple[int, int, int]:
    return now.year, now.month, now.day
