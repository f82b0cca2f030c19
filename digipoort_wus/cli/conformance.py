"""``digipoort-wus conformance``: attack a gateway and see what it refuses."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.clock import system_clock
from digipoort_wus.config import DEFAULT_DATA_DIR
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.testplan import Generation

if TYPE_CHECKING:
    from digipoort_wus.conformance.attacks import Result, Run
    from digipoort_wus.conformance.cases import Case

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_DIRECTORY = click.Path(path_type=Path, file_okay=False, exists=True)
_SANDBOX_FILE = "sandbox.toml"
"""Settings in the directory of the cases, of the gateway that --sandbox starts."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where to and as whom, as the options say."""

    url: str | None
    pki_dir: Path | None
    cert: Path | None
    key: Path | None
    ca: Path | None
    pid: int | None
    filing_between: bool
    told: bool


_EXIT_CODES = """\b
Exit status:
  0  every case as expected
  1  no connection, or a mistake in files or settings
  2  wrong use of this command
  3  at least one case not as expected"""


@click.group()
def conformance() -> None:
    """Find out what a gateway refuses, and what it does not."""


@conformance.command(epilog=_EXIT_CODES)
@click.argument("url", required=False)
@click.option(
    "--sandbox", is_flag=True, help="Start a gateway here, attack that, and measure what it spends."
)
@click.option(
    "--generation",
    type=click.Choice(["g1", "g4"]),
    default="g1",
    show_default=True,
    help="Generation of PKIoverheid to mirror, with --sandbox.",
)
@click.option(
    "--pki-dir",
    envvar="DIGIPOORT_PKI_DIR",
    type=_DIRECTORY,
    help="Test certificates of the gateway's sandbox. [env: DIGIPOORT_PKI_DIR] "
    f"[default: {DEFAULT_DATA_DIR}]",
)
@click.option("--cert", type=_FILE, help="Your certificate (PEM), followed by its issuers.")
@click.option("--key", type=_FILE, help="Its private key (PEM, without password).")
@click.option("--ca", type=_FILE, help="Roots (PEM) of the gateway's TLS certificate.")
@click.option("--only", metavar="PATTERN", help="Only cases with such an id, as in 'xsw-*'.")
@click.option("--family", "families", multiple=True, help="Only this family; may be repeated.")
@click.option("--cases", "directory", type=_DIRECTORY, help="Other cases than those shipped.")
@click.option("--list", "only_list", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option(
    "--filing-between/--no-filing-between",
    default=True,
    help="Send an ordinary filing behind each case, which must be accepted. [default: yes]",
)
@click.option(
    "--told",
    is_flag=True,
    help="Require that every refusal names its check, as a sandbox of ours does.",
)
@click.option("--pid", type=int, help="The gateway's process on this machine, to measure it.")
@click.option("--json", "json_output", is_flag=True, help="Print one JSON document instead.")
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML here."
)
def attack(
    url: str | None,
    *,
    sandbox: bool,
    generation: Generation,
    only: str | None,
    families: tuple[str, ...],
    directory: Path | None,
    only_list: bool,
    json_output: bool,
    junit: Path | None,
    **options: object,
) -> None:
    """Send the attack corpus to a gateway and compare each answer with what it must be.

    URL is the gateway without path, or the address of its AanleverService. Each case says
    what is sent and which check must refuse it; some are odd but valid, and must be
    accepted. Behind each case an ordinary filing is sent, which must succeed: do not run
    this against a production system.

    A gateway that does not tell its checks does well when it refuses; the report then says
    "check not told". What cannot be judged is skipped, and its line says why: a certificate
    that is not at hand, or a party for which the gateway has no row.
    """
    from digipoort_wus.conformance.cases import cases_directory, load_cases

    where = directory or cases_directory()
    cases = _chosen(load_cases(where), only, families)
    if only_list:
        _print_list(cases, json_output=json_output)
        return
    target = _Target(url, **options)  # type: ignore[arg-type] # click checked the types
    _check_options(target, sandbox=sandbox)
    if sandbox:
        with _own_gateway(where, generation) as run:
            good = _report(run, cases, json_output=json_output, junit=junit)
    else:
        run = _run_for(target, where / _SANDBOX_FILE)
        good = _report(run, cases, json_output=json_output, junit=junit)
    if not good:
        sys.exit(3)


def _check_options(target: _Target, *, sandbox: bool) -> None:
    if sandbox and (target.url or target.cert or target.pki_dir or target.ca):
        raise click.UsageError("--sandbox brings its own URL and certificates: give none.")
    if not sandbox and target.url is None:
        raise click.UsageError("Give the URL of a gateway, or --sandbox to start one.")
    if (target.cert is None) != (target.key is None):
        raise click.UsageError("--cert and --key belong together: give both.")
    if target.cert is not None and target.ca is None:
        raise click.UsageError("Say whom to trust: give --ca, the roots of the gateway.")


def _chosen(
    cases: "Sequence[Case]", only: str | None, families: tuple[str, ...]
) -> "tuple[Case, ...]":
    known = {case.family for case in cases}
    for family in families:
        if family not in known:
            raise click.UsageError(f"No family {family!r}; there are {', '.join(sorted(known))}.")
    chosen = tuple(
        case
        for case in cases
        if (not families or case.family in families) and (not only or fnmatch(case.id, only))
    )
    if not chosen:
        raise click.UsageError(f"No case matches {only!r}: --list shows all of them.")
    return chosen


def _run_for(target: _Target, rows: Path) -> "Run":
    from digipoort_wus.conformance.attacks import Run, endpoint_at
    from digipoort_wus.conformance.cost import Meter
    from digipoort_wus.conformance.parties import Files, Parties

    directory = target.pki_dir
    if target.cert is None and directory is None:
        directory = DEFAULT_DATA_DIR
    ca = target.ca or (directory or DEFAULT_DATA_DIR) / "ca.pem"
    if not ca.is_file():
        raise ConfigurationError(
            f"There is no {ca}: start `digipoort-wus serve` in this directory, or give "
            "--pki-dir, or --cert with --key and --ca."
        )
    sender = None
    if target.cert is not None and target.key is not None:
        sender = Files(target.cert, target.key)
    return Run(
        endpoint_at(target.url or ""),
        Parties(ca, sender, directory),
        system_clock,
        filing_between=target.filing_between,
        told=target.told,
        meter=None if target.pid is None else Meter(target.pid),
        rows=rows,
    )


@contextmanager
def _own_gateway(cases: Path, generation: Generation) -> "Iterator[Run]":
    """Start a sandbox with certificates of every kind, and give a run against it."""
    from digipoort_wus.cli.local_gateway import local_gateway
    from digipoort_wus.conformance.attacks import Run, endpoint_at
    from digipoort_wus.conformance.cost import Meter
    from digipoort_wus.conformance.parties import Parties
    from digipoort_wus.pki.testpki import make_pki, write_pki
    from digipoort_wus.pki.wrong import write_wrong

    with tempfile.TemporaryDirectory(prefix="digipoort-wus-attack-") as scratch:
        directory, settings = Path(scratch) / "pki", Path(scratch) / "gateway.toml"
        click.echo("Making test certificates (a few seconds)...", err=True)
        pki = make_pki(generation, now=system_clock())
        write_pki(pki, directory)
        write_wrong(pki, directory, now=system_clock())
        settings.write_text(_settings(cases))
        with local_gateway(
            Path(scratch) / "data", "--pki-dir", str(directory), "--config", str(settings)
        ) as gateway:
            yield Run(
                endpoint_at(gateway.urls[0]),
                Parties(directory / "ca.pem", None, directory),
                system_clock,
                told=True,
                meter=Meter(gateway.pid),
            )


def _settings(cases: Path) -> str:
    """Return a configuration: what the cases want, and trust in every CA they use."""
    path = cases / _SANDBOX_FILE
    wanted = path.read_text(encoding="utf-8") if path.is_file() else ""
    return f'{wanted}\n[trust]\nca = "pki/wrong/ca.pem"\ncrls = "pki/wrong/crl"\n'


def _report(run: "Run", cases: "Sequence[Case]", *, json_output: bool, junit: Path | None) -> bool:
    from rich.console import Console

    from digipoort_wus.conformance.report import as_json, as_junit, line_for, print_summary

    line, results = line_for(cases), list["Result"]()
    if not json_output:
        click.echo(line.heading())
    for result in run.results(cases):
        results.append(result)
        if not json_output:
            click.echo(line.of(result))
    if json_output:
        click.echo(as_json(results))
    else:
        click.echo()
        print_summary(Console(), results)
    if junit is not None:
        junit.write_text(as_junit(results), encoding="utf-8")
    return all(result.verdict.is_good for result in results)


def _print_list(cases: "Sequence[Case]", *, json_output: bool) -> None:
    from digipoort_wus.conformance.report import case_line, line_for, list_as_json

    if json_output:
        click.echo(list_as_json(cases))
        return
    line = line_for(cases)
    for case in cases:
        click.echo(case_line(line, case))
