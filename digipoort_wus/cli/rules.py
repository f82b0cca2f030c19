"""``digipoort-wus rules``: what filings are judged by, and judging a file."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from digipoort_wus.cli.options import note, outcomes, print_json
from digipoort_wus.clock import parse_date_time, system_clock
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.filing.party import Party
    from digipoort_wus.rules.catalogue import Catalogue

_F = TypeVar("_F", bound=Callable[..., object])
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_DIRECTORY = click.Path(path_type=Path, file_okay=False, exists=True)
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
_CHECK_EXIT_CODES = """\b
Exit status:
  0  the file is valid
  1  it is not
  2  wrong use of this command, or rule sets that cannot be used
  3  it cannot be judged here
"""
_TEST_EXIT_CODES = """\b
Exit status:
  0  all cases hold, and each rule is broken by one
  1  not so, or rule sets that cannot be used
  2  wrong use of this command
  3  nothing is wrong as far as it was tested, but some rules cannot be judged here
"""
_IN_PART = 3


@dataclass(frozen=True, slots=True)
class _Places:
    """Where rule sets lie, and what is added to them."""

    sets: tuple[Path, ...]
    added: Path | None
    config: Path | None

    def resolved(self) -> "_Places":
        """Return the places with those that a gateway's configuration names, if one is given."""
        if self.config is None:
            return self
        from digipoort_wus.config_file import load_config

        rules = load_config(self.config).rules
        return _Places((*rules.sets, *self.sets), self.added or rules.added, None)


def _sets_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name rule sets, and ``places`` made of them."""

    @wraps(command)
    def placed(
        *arguments: object,
        sets: tuple[Path, ...],
        added: Path | None,
        config: Path | None,
        **options: object,
    ) -> None:
        command(*arguments, places=_Places(sets, added, config), **options)

    placed_command: Callable[..., None] = placed
    for option in (
        click.option("--config", type=_FILE, help="Take both from this gateway's configuration."),
        click.option(
            "--added",
            type=_DIRECTORY,
            help="Directory of artefacts that an operator adds, those of a set below its id.",
        ),
        click.option(
            "--sets",
            type=_DIRECTORY,
            multiple=True,
            help="Directory of rule sets beside those that are shipped; may be repeated.",
        ),
    ):
        placed_command = option(placed_command)
    return placed_command


def _party_options(command: _F) -> _F:
    for option in (
        click.option("--number-type", help="Its type, such as Fi, BTW or LHnr."),
        click.option("--number", help="Number of the belanghebbende."),
    ):
        command = option(command)
    return command


@click.group()
def rules() -> None:
    """List, explain, try, test and lint the rules that filings are judged by.

    They are judged in this process, by the same code as a gateway's, but without the limits of
    its workers: what a rule or a file breaks, breaks here.
    """


@rules.command("list")
@_AS_JSON
@_sets_options
def list_sets(*, as_json: bool, places: _Places) -> None:
    """List the rule sets: versions, berichtsoorten, validity, and what is missing."""
    with outcomes(as_json=as_json):
        from digipoort_wus.cli import rules_shown

        catalogue = _catalogue(places)
        if as_json:
            print_json({"sets": [rules_shown.set_values(each) for each in catalogue.sets]})
        else:
            rules_shown.print_list(catalogue)


@rules.command()
@click.argument("berichtsoort")
@click.option("--date", "day", metavar="DAY", help="Of receipt. [default: today]")
@_AS_JSON
@_sets_options
@click.pass_context
def explain(
    ctx: click.Context,
    berichtsoort: str,
    day: str | None,
    as_json: bool,
    places: _Places,
) -> None:
    """Explain what filings of BERICHTSOORT are judged by: every rule, its texts, and why.

    Of a day without rules for them the exit status is 1.
    """
    with outcomes(as_json=as_json):
        from digipoort_wus.cli import rules_shown
        from digipoort_wus.rules.days import dutch_day

        on = dutch_day(_moment(day))
        catalogue = _catalogue(places)
        if as_json:
            print_json(rules_shown.explanation_values(catalogue, berichtsoort, on))
        else:
            rules_shown.print_explanation(catalogue, berichtsoort, on)
        ctx.exit(0 if catalogue.in_force(berichtsoort, on) else 1)


@rules.command(epilog=_CHECK_EXIT_CODES)
@click.argument("file", type=_FILE)
@click.option("--berichtsoort", required=True, help="As it would be filed.")
@_party_options
@click.option(
    "--date",
    "day",
    metavar="DAY",
    help="Of receipt, such as 2026-01-31, or a moment with its zone. [default: now]",
)
@click.option("--mime-type", default="text/xml", show_default=True, help="Of the file.")
@click.option("--trace", is_flag=True, help="Show every rule: what became of it, and its time.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "xml"]),
    help="xml: the statuses as a client gets them. [default: text]",
)
@_AS_JSON
@_sets_options
@click.pass_context
def check(
    ctx: click.Context,
    file: Path,
    *,
    berichtsoort: str,
    number: str | None,
    number_type: str | None,
    day: str | None,
    mime_type: str,
    trace: bool,
    form: str | None,
    as_json: bool,
    places: _Places,
) -> None:
    """Judge FILE as if it was filed: its name counts as that of the document.

    Nothing is sent anywhere.
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"Give --json or --format {form}.")
    form = "json" if as_json else form or "text"
    party, received = _party(number, number_type), _moment(day)
    if form == "xml" and party is None:
        raise click.UsageError(
            "A status names whom it is about: give --number and --number-type with --format xml."
        )
    from digipoort_wus.cli import rules_checked
    from digipoort_wus.rules.engine import Engine

    try:
        catalogue = _catalogue(places)
        checked = Engine(catalogue).check_file(
            file, berichtsoort=berichtsoort, party=party, received=received, mime_type=mime_type
        )
    except ConfigurationError as error:
        if form == "json":
            print_json({"error": "configuration", "message": str(error)})
        raise Unusable(str(error)) from error
    filed = rules_checked.Filed(file, berichtsoort, received, party)
    match form:
        case "json":
            print_json(rules_checked.values(catalogue, filed, checked))
        case "xml":
            click.echo(rules_checked.status_xml(filed, checked))
        case _:
            rules_checked.print_text(filed, checked, trace=trace)
    for sentence in rules_checked.missing(catalogue, checked):
        note(sentence)
    ctx.exit(rules_checked.EXIT_STATUS[checked.outcome])


class Unusable(click.ClickException):
    """Rule sets or a file that nothing can be judged with."""

    exit_code = 2


@rules.command(epilog=_TEST_EXIT_CODES)
@click.argument("names", metavar="[SET]...", nargs=-1)
@click.option(
    "--testcases",
    type=_FILE,
    help="XBRL testcase or testcases for the one SET, beside the cases that it has.",
)
@click.option("--berichtsoort", help="Of --testcases. [default: the first of the set]")
@click.option("--date", "day", metavar="DAY", help="Of receipt of --testcases. [default: now]")
@_party_options
@_AS_JSON
@_sets_options
@click.pass_context
def test(
    ctx: click.Context,
    names: tuple[str, ...],
    *,
    testcases: Path | None,
    berichtsoort: str | None,
    day: str | None,
    number: str | None,
    number_type: str | None,
    as_json: bool,
    places: _Places,
) -> None:
    """Run the cases of rule sets: of all, or of each SET (an id, or an id@version).

    A set fails when a case does not hold, when it has no case, or when a rule of it has no case
    that breaks it: of such a rule nobody knows whether it looks at all.
    """
    party, received = _party(number, number_type), _moment(day)
    if testcases is None and (berichtsoort or day or party):
        raise click.UsageError(
            "--berichtsoort, --date and --number are for --testcases; cases say it themselves."
        )
    with outcomes(as_json=as_json):
        from digipoort_wus.cli import rules_tested
        from digipoort_wus.rules.engine import SHIPPED

        places = places.resolved()
        catalogue = _catalogue(places)
        chosen = rules_tested.chosen(catalogue, names)
        cases = rules_tested.cases_of((SHIPPED, *places.sets))
        if testcases is not None:
            if len(chosen) != 1:
                raise click.UsageError("--testcases are for one set: name it with its version.")
            suite = rules_tested.Suite(testcases, berichtsoort, received, party)
            rules_tested.add_testcases(cases, chosen[0], suite)
        tested = rules_tested.run(catalogue, chosen, cases)
        in_part = rules_tested.incomplete(catalogue, tested)
        if as_json:
            print_json(rules_tested.values(tested, in_part))
        else:
            rules_tested.print_table(tested, in_part)
        if not all(each.passed for each in tested):
            ctx.exit(1)
        ctx.exit(_IN_PART if in_part else 0)


@rules.command()
@click.argument("directories", metavar="[DIRECTORY]...", nargs=-1, type=_DIRECTORY)
@_AS_JSON
@_sets_options
@click.pass_context
def lint(
    ctx: click.Context,
    directories: tuple[Path, ...],
    as_json: bool,
    places: _Places,
) -> None:
    """Look for mistakes in the rule sets of each DIRECTORY and of --sets, or in the shipped ones.

    A warning leaves the exit status 0; an error, which a gateway would refuse or which reaches out
    of the set, makes it 1.
    """
    with outcomes(as_json=as_json):
        from digipoort_wus.rules.discovery import installed_kinds
        from digipoort_wus.rules.engine import SHIPPED
        from digipoort_wus.rules.linting import Weight, beside_of
        from digipoort_wus.rules.linting import lint as linted

        kinds, places = installed_kinds(), places.resolved()
        chosen = tuple(dict.fromkeys((*directories, *places.sets))) or (SHIPPED,)
        found = linted(chosen, kinds, beside_of((SHIPPED,), chosen, kinds), places.added)
        if as_json:
            print_json(
                {"mistakes": [{"weight": each.weight.value, "text": each.text} for each in found]}
            )
        else:
            for each in found:
                click.echo(f"{each.weight.value}: {each.text}")
            if not found:
                note("Nothing to mend.")
        ctx.exit(1 if any(each.weight is Weight.ERROR for each in found) else 0)


def _catalogue(places: _Places) -> "Catalogue":
    from digipoort_wus.rules.engine import SHIPPED, Engine

    given = places.resolved()
    return Engine.of((SHIPPED, *given.sets), added=given.added).catalogue


def _party(number: str | None, number_type: str | None) -> "Party | None":
    from digipoort_wus.filing.party import Party

    if (number is None) != (number_type is None):
        raise click.UsageError("--number and --number-type belong together: give both.")
    return None if number is None or number_type is None else Party(number, number_type)


def _moment(text: str | None) -> datetime:
    """Return a moment of receipt; of a day, one that is on this day in the Netherlands."""
    from digipoort_wus.rules.days import dutch_day

    if text is None:
        return system_clock()
    try:
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=12)
        moment = parse_date_time(text)
        # Some moments have no day in the Netherlands that Python knows.
        dutch_day(moment)
        return moment
    except (ValueError, OverflowError) as error:
        raise click.UsageError(
            f"{text!r} is no day like 2026-01-31, nor a moment with its zone like "
            "2026-01-31T09:00:00Z or 2026-01-31T10:00:00+01:00."
        ) from error
