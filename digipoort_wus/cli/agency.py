"""``digipoort-wus agency``: an example agency, which takes filings and says what became of them."""

import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from digipoort_wus.config import DEFAULT_DATA_DIR
from digipoort_wus.delivery.example import Conduct
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from twisted.logger import ILogObserver

    from digipoort_wus.delivery.reporting import Reporting
    from digipoort_wus.pki.identity import Identity
    from digipoort_wus.server.trust import Materials

_FAULT = re.compile(r"[A-Z]{3}[0-9]{3}")
_GATEWAY = "gateway-signing"
_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.option(
    "--data-dir",
    type=_DIRECTORY,
    default=Path("digipoort-wus-agency"),
    show_default=True,
    help="What it was given, and how far it is with it.",
)
@click.option(
    "--pki-dir",
    type=_DIRECTORY,
    default=DEFAULT_DATA_DIR,
    show_default=True,
    help="Test certificates of `digipoort-wus pki init` or of a sandbox's data directory.",
)
@click.option(
    "--identity",
    default="agency",
    show_default=True,
    metavar="NAME",
    help="Which certificate of --pki-dir it has.",
)
@click.option(
    "--gateway",
    metavar="URL",
    help="The gateway to report to, without path; without it nothing is reported.",
)
@click.option(
    "--gateway-oin", help="OIN of the gateway that may deliver. [default: that of --pki-dir]"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8444,
    show_default=True,
    help="0 takes a free port.",
)
@click.option(
    "--slow", type=click.FloatRange(0), default=0, help="Seconds before each delivery is answered."
)
@click.option(
    "--lose-answers",
    type=click.FloatRange(0, 1),
    default=0,
    metavar="PART",
    help="Keep a delivery, but lose the answer: 0.1 is one in ten.",
)
@click.option("--refuse", is_flag=True, help="Refuse the content of every filing: 510.")
@click.option("--fault", default="", metavar="CODE", help="Answer every delivery with this fault.")
@click.option(
    "--down-for", type=click.FloatRange(0), default=0, help="Seconds of 503 after the start."
)
@click.option("--double-report", is_flag=True, help="Say everything to the gateway twice.")
@click.option("--seed", type=int, default=0, help="Decides which answers are lost. [default: 0]")
@click.option(
    "--ebms",
    "cpa",
    type=_FILE,
    metavar="CPA",
    help="Take filings over ebMS, under the agreement in this file; reports stay WUS.",
)
@click.option(
    "--url",
    "urls",
    multiple=True,
    metavar="OLD=NEW",
    help="With --ebms: post to another address than the CPA says; may be repeated.",
)
@click.option(
    "--file",
    "files",
    multiple=True,
    type=_FILE,
    help="With --ebms: file this over ebMS, once for each name; may be repeated.",
)
@click.option(
    "--berichtsoort", default="Omzetbelasting", show_default=True, help="With --file: of what."
)
def agency(
    data_dir: Path,
    pki_dir: Path,
    identity: str,
    gateway: str | None,
    gateway_oin: str | None,
    host: str,
    port: int,
    slow: float,
    lose_answers: float,
    refuse: bool,
    fault: str,
    down_for: float,
    double_report: bool,
    seed: int,
    cpa: Path | None,
    urls: tuple[str, ...],
    files: tuple[Path, ...],
    berichtsoort: str,
) -> None:
    """Run an example agency: it takes filings from a gateway, and reports 500 or 510.

    It serves AfleverService over mutual TLS, keeps what it takes before it answers, knows a
    filing that comes again, and tells the gateway what became of each: a message for the
    mailbox of whoever it is about, and the verdict by zetStatus. XML that can be read is
    accepted. It is an example to try a gateway with, and keeps filings unencrypted.

    With --ebms it takes filings as messages under that agreement instead, and confirms each by
    bevestigAfleveren; --slow, --lose-answers and --fault are of these confirmations. What it
    files with --file is confirmed in its log.

    Once it can answer it prints one line on stdout: the word ready and its URL. Logs go to
    stderr. It stops cleanly on SIGTERM and Ctrl-C, and goes on where it was when it is
    started again.
    """
    if fault and _FAULT.fullmatch(fault) is None:
        raise click.UsageError(f"--fault: {fault!r} is no code of a fault such as AFO100.")
    conduct = Conduct(
        slow=slow,
        lose_answers=lose_answers,
        refuse=refuse,
        fault=fault,
        down_for=down_for,
        double_report=double_report,
        seed=seed,
    )
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    materials = _materials(pki_dir, identity)
    gateway_oin = gateway_oin or _oin_of_gateway(pki_dir)
    if cpa is not None:
        from digipoort_wus.cli import agency_ebms

        agency_ebms.run(
            agency_ebms.config_of(pki_dir, identity, data_dir, host, port),
            agency_ebms.Agreed(cpa.read_bytes(), urls, files, berichtsoort),
            None if gateway is None else _reporting(materials, gateway, gateway_oin),
            gateway_oin,
            conduct,
        )
        return
    if urls or files:
        raise click.UsageError("--url and --file are of ebMS: give --ebms as well.")
    _run(data_dir, materials, gateway, gateway_oin, host, port, conduct)


def _run(
    data_dir: Path,
    materials: "Materials",
    gateway: str | None,
    gateway_oin: str,
    host: str,
    port: int,
    conduct: Conduct,
) -> None:
    # Twisted takes a third of a second to import, and its reactor is this process's.
    from twisted.logger import STDLibLogObserver, globalLogBeginner

    from digipoort_wus.clock import system_clock
    from digipoort_wus.delivery.inbox import Inbox
    from digipoort_wus.server.agency import ExampleAgency
    from digipoort_wus.server.reactor import global_reactor

    reporting = None if gateway is None else _reporting(materials, gateway, gateway_oin)
    reactor = global_reactor()
    observer = cast("ILogObserver", STDLibLogObserver("digipoort_wus"))
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    example = ExampleAgency(
        Inbox(data_dir),
        materials,
        gateway_oin,
        reporting=reporting,
        conduct=conduct,
        reactor=reactor,
        clock=system_clock,
    )
    example.listen(host, port)
    reactor.addSystemEventTrigger("before", "shutdown", example.stop)

    def ready() -> None:
        click.echo(f"ready {example.url}")
        sys.stdout.flush()

    reactor.callWhenRunning(ready)
    reactor.run()


def _reporting(materials: "Materials", gateway: str, gateway_oin: str) -> "Reporting":
    from digipoort_wus.delivery.exchange import Credentials
    from digipoort_wus.delivery.reporting import Reporting

    own = Credentials(materials.tls, materials.signing, materials.store())
    return Reporting(gateway, gateway_oin, lambda: own)


def _materials(directory: Path, name: str) -> "Materials":
    from digipoort_wus.pki import profiles
    from digipoort_wus.pki.identity import load_certificates, load_crls
    from digipoort_wus.server.trust import Materials

    if not (directory / "ca.pem").is_file():
        raise ConfigurationError(
            f"{directory} holds no ca.pem: give --pki-dir, a directory that `digipoort-wus pki "
            "init` or `digipoort-wus serve` made."
        )
    identity = _identity(directory, name)
    return Materials(
        tls=identity,
        signing=identity,
        authorities=load_certificates(directory / "ca.pem"),
        crls=load_crls(directory / "crl"),
        acceptance=profiles.TEST,
    )


def _identity(directory: Path, name: str) -> "Identity":
    from digipoort_wus.pki.identity import load_pem

    return load_pem(directory / f"{name}.pem", directory / f"{name}.key")


def _oin_of_gateway(directory: Path) -> str:
    from digipoort_wus.pki.identity import load_certificates
    from digipoort_wus.pki.oin import oin_of

    return oin_of(load_certificates(directory / f"{_GATEWAY}.pem")[0])
