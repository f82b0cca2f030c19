"""``digipoort-wus evidence``: seal, verify and export what is recorded of filings."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digipoort_wus.cli.options import Failed, note, outcomes, print_json
from digipoort_wus.cli.stored import changing, config_of, look, now, store_options

if TYPE_CHECKING:
    from cryptography import x509

    from digipoort_wus.config import Config
    from digipoort_wus.evidence.verify import Report, Trust

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
    help="Roots of time stamping authorities, PEM; without them stamps are counted, not judged.",
)


@click.group()
def evidence() -> None:
    """Seal, verify and export what is recorded of filings."""


@evidence.command()
@store_options
def seal(config_file: Path | None, data_dir: Path | None) -> None:
    """Seal every entry that is in no batch yet; a running gateway does so by itself.

    With a data directory the gateway has to be stopped.
    """
    from digipoort_wus.materials import identity_files
    from digipoort_wus.process.recording import seal_batch

    with outcomes(as_json=False):
        config = config_of(config_file, data_dir)
        signing = identity_files(config)[1].load()
        batches = entries = 0
        with changing(config) as store:
            while (batch := seal_batch(store, signing, now())) is not None:
                batches, entries = batches + 1, entries + batch.leaves
        click.echo(f"{entries} entries were sealed in {batches} batches.")


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
        if kenmerk is not None and not report.entries:
            raise Failed(f"There is no evidence of {kenmerk}.")
        if as_json:
            print_json(_as_dict(report))
        else:
            for finding in report.findings:
                click.echo(finding.sentence())
            click.echo(
                f"{report.kenmerken} chains, {report.entries} entries, {report.unsealed} of them "
                f"not sealed yet; {report.batches} batches, {report.stamps} stamps judged. "
                f"{_verdict(report)}"
            )
            if report.unjudged_stamps:
                note(f"{report.unjudged_stamps} stamps were not judged: give --stamp-roots.")
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
        config = config_of(config_file, data_dir)
        trust = trust_of(config, signers, stamp_roots)
        roots, issuers = _authorities(config)
        draft = out.with_name(f".{out.name}.part")
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
            out.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
        click.echo(f"The evidence of {kenmerk} is in {out}. Unpack it and run: sh verify.sh")


def trust_of(config: "Config", signers: tuple[Path, ...], stamp_roots: tuple[Path, ...]) -> "Trust":
    """Return whom to believe: the gateway's present certificate, and those that are named.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    from digipoort_wus.evidence.batch import believed
    from digipoort_wus.evidence.verify import Trust
    from digipoort_wus.materials import identity_files
    from digipoort_wus.pki.identity import load_certificates

    named = (certificate for path in signers for certificate in load_certificates(path))
    present = identity_files(config)[1].load().certificate
    roots = (certificate for path in stamp_roots for certificate in load_certificates(path))
    return Trust(believed(present, *named), tuple(roots))


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
    return f"{len(report.findings)} findings." if report.findings else "Everything holds."


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
    }
