"""``digipoort-wus evidence``: seal, verify and export what is recorded of filings."""

import os
import secrets
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.options import (
    Failed,
    note,
    number_of,
    outcomes,
    print_json,
    require_new,
)
from digipoort_wus.cli.stored import changing, config_of, look, now, progress, store_options
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography import x509

    from digipoort_wus.config import Config
    from digipoort_wus.evidence.verify import Report, Trust
    from digipoort_wus.evidencing import Stamps
    from digipoort_wus.process.stamping import Some

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
signer_option = click.option(
    "--signer",
    "signers",
    type=_FILE,
    multiple=True,
    help="An earlier certificate of the gateway that signed batches, PEM; repeat it for each. "
    "The present one is known from the configuration.",
)
_STAMP_ROOTS = click.option(
    "--stamp-roots",
    type=_FILE,
    multiple=True,
    help="Roots of time stamping authorities, PEM, besides those of the configuration; without "
    "any stamps are counted, not judged.",
)


@click.group()
def evidence() -> None:
    """Seal, verify and export what is recorded of filings."""


@evidence.command()
@store_options
def seal(config_file: Path | None, data_dir: Path | None) -> None:
    """Seal every entry that is in no batch yet.

    A running gateway does so by itself, and at once when this command asks it to.
    """
    from digipoort_wus.evidencing import sealed_in
    from digipoort_wus.materials import identity_files
    from digipoort_wus.process.sealing import seal_batch

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        done = _ordered(config, "seal")
        if done is not None:
            click.echo(done)
            return
        signing = identity_files(config)[1].load()
        batches = entries = 0
        with changing(config) as store:
            while (batch := seal_batch(store, signing, now())) is not None:
                batches, entries = batches + 1, entries + batch.leaves
        click.echo(sealed_in(entries, batches))


@evidence.command()
@store_options
def stamp(config_file: Path | None, data_dir: Path | None) -> None:
    """Stamp every batch that has no time stamp yet, by the authority of the configuration.

    A running gateway does so by itself. Beside one, this command has it done at once, also
    where it would wait after a failure.
    """
    from digipoort_wus.process.stamping import Some

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        if (order := _ordered(config, "stamp")) is None:
            stamps = _stamps(config)
            with changing(config) as store:
                stamper = stamps.stamper(store, now)
                stamped = _in_steps(lambda: stamper.stamp_some())
        else:
            # What the first order did counts as well.
            orders = chain((order,), iter(lambda: _ordered_again(config), ""))
            stamped = _in_steps(lambda: Some.of(next(orders)))
        click.echo(f"{number_of(stamped, 'batch was', 'batches were')} stamped.")


@evidence.command()
@click.argument("kenmerk", required=False)
@click.option("--all", "everything", is_flag=True, help="Every kenmerk.")
@signer_option
@_STAMP_ROOTS
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@store_options
def verify(
    kenmerk: str | None,
    everything: bool,
    signers: tuple[Path, ...],
    stamp_roots: tuple[Path, ...],
    as_json: bool,
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Verify the evidence of KENMERK, or all of it, and what is kept of its filings.

    Works beside a running gateway. Every batch is verified in any case. Exit status 1 when
    something does not hold.
    """
    from digipoort_wus.process.checking import verify_store

    if (kenmerk is None) != everything:
        raise click.UsageError("Name a KENMERK, or --all.")
    with outcomes(as_json=as_json):
        config = config_of(config_file, data_dir)
        trust = trust_of(config, signers, stamp_roots)
        report = look(config, lambda reader: verify_store(reader, trust, now(), kenmerk))
        if kenmerk is not None and not report.entries and not report.findings:
            raise Failed(f"There is no evidence of {kenmerk}.")
        if as_json:
            print_json(_as_dict(report))
        else:
            for finding in report.findings:
                click.echo(finding.sentence())
            click.echo(
                f"{number_of(report.kenmerken, 'chain', 'chains')}, "
                f"{number_of(report.entries, 'entry', 'entries')}, {report.unsealed} of them "
                f"not sealed yet; {number_of(report.batches, 'batch', 'batches')}, "
                f"{number_of(report.stamps, 'stamp', 'stamps')} judged. {_verdict(report)}"
            )
            if report.unjudged_stamps:
                unjudged = number_of(report.unjudged_stamps, "stamp was", "stamps were")
                note(f"{unjudged} not judged: give --stamp-roots.")
            if report.unbound:
                unbound = number_of(report.unbound, "filing or message", "filings or messages")
                note(f"{unbound} of version 3: there is no telling whether they are what was sent.")
        if report.findings:
            raise Failed("The evidence does not hold.")


@evidence.command()
@click.argument("kenmerk")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="A new zip file.",
)
@signer_option
@_STAMP_ROOTS
@store_options
def export(
    kenmerk: str,
    out: Path,
    signers: tuple[Path, ...],
    stamp_roots: tuple[Path, ...],
    config_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Write all evidence of KENMERK to a zip that openssl and xmlsec1 can check.

    It holds the contents of the filing. Every entry has to be sealed. Works beside a running
    gateway. VERIFY.md in it says how to check it.
    """
    from digipoort_wus.evidence.export import write_export
    from digipoort_wus.process.proving import exported

    with outcomes(as_json=False):
        require_new(out)
        config = config_of(config_file, data_dir)
        trust = trust_of(config, signers, stamp_roots)
        roots, issuers = _authorities(config)
        # Not always the same name: one that was killed leaves its draft.
        draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                look(
                    config,
                    lambda reader: write_export(
                        exported(
                            reader,
                            kenmerk,
                            signers=trust.signers,
                            roots=roots,
                            issuers=issuers,
                            stamp_roots=trust.stamp_roots,
                        ),
                        file,
                    ),
                )
            # A link and no rename: what is there already stays.
            _give_name(draft, out)
        finally:
            draft.unlink(missing_ok=True)
        click.echo(f"The evidence of {kenmerk} is in {out}. Unpack it and run: sh verify.sh")


def _give_name(draft: Path, out: Path) -> None:
    try:
        out.hardlink_to(draft)
    except FileExistsError as error:
        raise ConfigurationError(f"{out} was made meanwhile: name another file.") from error


def _ordered(config: "Config", order: str) -> str | None:
    """Have the gateway that has the data directory do something; None where none has it."""
    from digipoort_wus.server.control import ask

    if config.store_url or not config.data_dir.is_dir():
        return None
    return ask(config.data_dir, order)


def _ordered_again(config: "Config") -> str:
    answer = _ordered(config, "stamp")
    if answer is None:
        raise ConfigurationError("The gateway ended before all was stamped: try again.")
    return answer


def _stamps(config: "Config") -> "Stamps":
    from digipoort_wus.evidencing import load_stamps

    stamps = load_stamps(config)
    if stamps is None:
        raise ConfigurationError(
            "No time stamping authority is configured: add [evidence.stamp] with url and roots to "
            "the configuration, and name that with --config."
        )
    return stamps


def _in_steps(step: "Callable[[], Some]") -> int:
    """Stamp until nothing is left, telling how far it is; return how many were stamped."""
    stamped = 0
    while True:
        some = step()
        stamped += some.stamped
        progress("stamped", stamped, stamped + some.left)
        if not some.left:
            return stamped


def trust_of(config: "Config", signers: tuple[Path, ...], stamp_roots: tuple[Path, ...]) -> "Trust":
    """Return whom to believe: those of the configuration, and those that are named.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    from digipoort_wus.evidence.batch import believed
    from digipoort_wus.evidence.verify import Trust
    from digipoort_wus.pki.identity import load_certificates

    named = (certificate for path in signers for certificate in load_certificates(path))
    present = _present(config, signers)
    configured = () if config.stamp.roots is None else (config.stamp.roots,)
    roots = {
        certificate: None
        for path in (*configured, *stamp_roots)
        for certificate in load_certificates(path)
    }
    return Trust(believed(*present, *named), tuple(roots), config.stamp.stamps)


def _present(config: "Config", signers: tuple[Path, ...]) -> "tuple[x509.Certificate, ...]":
    """Return the present certificate; none where it cannot be read and others are named."""
    from digipoort_wus.materials import identity_files

    try:
        return (identity_files(config)[1].load().certificate,)
    except ConfigurationError as error:
        if signers:
            note(f"{error} Only the certificates of --signer are believed.")
            return ()
        raise ConfigurationError(
            f"{error} Or name the certificates that signed the evidence with --signer."
        ) from error


def _authorities(
    config: "Config",
) -> "tuple[tuple[x509.Certificate, ...], tuple[x509.Certificate, ...]]":
    """Return the roots that the gateway trusts, and the other issuers that it knows."""
    from digipoort_wus.materials import ca_file, identity_files
    from digipoort_wus.pki.identity import load_certificates

    known = load_certificates(ca_file(config))
    roots = tuple(one for one in known if one.subject == one.issuer)
    issuers = (one for one in known if one not in roots)
    return roots, (*issuers, *identity_files(config)[1].load().chain)


def _verdict(report: "Report") -> str:
    found = len(report.findings)
    return f"{number_of(found, 'finding', 'findings')}." if found else "Everything holds."


def _as_dict(report: "Report") -> dict[str, object]:
    return {
        "findings": [
            {
                "id": finding.problem.id,
                "kenmerk": finding.kenmerk,
                "entry": finding.seq,
                "batch": finding.batch,
                "detail": finding.detail,
            }
            for finding in report.findings
        ],
        "kenmerken": report.kenmerken,
        "entries": report.entries,
        "unsealed": report.unsealed,
        "batches": report.batches,
        "stamps": report.stamps,
        "unjudged_stamps": report.unjudged_stamps,
        "unbound": report.unbound,
    }
