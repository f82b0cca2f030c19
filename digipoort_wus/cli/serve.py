"""``digipoort-wus serve``: run the gateway in this process until it is told to stop."""

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from digipoort_wus.config import DEFAULT_DATA_DIR, Config
from digipoort_wus.config_file import load_config

if TYPE_CHECKING:
    from twisted.logger import ILogObserver


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Filings, statuses and, in a sandbox, test certificates. [default: {DEFAULT_DATA_DIR}]",
)
@click.option(
    "--pki-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Test certificates made by `digipoort-wus pki init`; made here when the directory "
    "is empty. [default: the data directory]",
)
@click.option("--host", help="Address to listen on. [default: localhost: 127.0.0.1 and ::1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="0 takes a free port. [default: 8443]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="TOML file; options on the command line win over it.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log every request, as production always does.")
def serve(
    data_dir: Path | None,
    pki_dir: Path | None,
    host: str | None,
    port: int | None,
    config_file: Path | None,
    verbose: bool,
) -> None:
    """Run the gateway: a sandbox on this machine unless a configuration says otherwise.

    Once it can answer it prints one line on stdout: the word ready and the URLs of
    AanleverService, StatusinformatieService and OphaalService. Logs go to stderr.
    It stops cleanly on SIGTERM and Ctrl-C. On SIGHUP it loads certificates, keys and CRLs
    anew, without dropping a request; it does so too when one of their files has changed.
    On SIGHUP it also reads parties and mailbox mandates of the configuration anew, and logs
    which other settings have changed and need a restart.
    """

    def read() -> Config:
        config = load_config(config_file) if config_file else Config()
        return replace(
            config,
            data_dir=data_dir or config.data_dir,
            pki_dir=pki_dir or config.pki_dir,
            host=host or config.host,
            port=config.port if port is None else port,
        )

    config = read()
    logging.basicConfig(
        stream=sys.stderr,
        # Who operates a gateway must be able to tell why somebody was refused.
        level=logging.INFO if verbose or config.mode == "production" else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    run(config, read if config_file else None)


def run(config: Config, read: Callable[[], Config] | None = None) -> None:
    """Run a gateway until SIGTERM or SIGINT.

    Args:
        config: what it starts with.
        read: reads the configuration again on SIGHUP, for parties and mailbox mandates.

    Raises:
        ConfigurationError: certificates, data directory or port cannot be used.
    """
    announce(config)
    # Twisted takes a third of a second to import, and its reactor is this process's.
    from twisted.logger import STDLibLogObserver, globalLogBeginner

    from digipoort_wus.cli.hangup import reload_on_hangup, renew
    from digipoort_wus.gateway import Gateway
    from digipoort_wus.server.memory import give_back_large_blocks
    from digipoort_wus.server.reactor import global_reactor
    from digipoort_wus.server.workers import take_short_turns

    # For the whole process, so it is said here, where the process is the gateway's own.
    give_back_large_blocks()
    take_short_turns()
    reactor = global_reactor()
    observer = cast("ILogObserver", STDLibLogObserver("digipoort_wus"))
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    gateway = Gateway(config, reactor=reactor)
    gateway.listen()
    reload_on_hangup(lambda: renew(gateway, read))
    reactor.addSystemEventTrigger("before", "shutdown", gateway.stop)

    def ready() -> None:
        click.echo(" ".join(("ready", *gateway.urls)))
        sys.stdout.flush()

    reactor.callWhenRunning(ready)
    reactor.run()


def announce(config: Config) -> None:
    """Say on stderr what is going to happen before it takes a few seconds."""
    if config.mode != "sandbox":
        return
    if config.ca_file is None and not (config.pki / "ca.pem").exists():
        click.echo(f"Making test certificates in {config.pki} (a few seconds)...", err=True)
    if config.host not in ("localhost", "127.0.0.1", "::1"):
        click.echo(
            f"Warning: a sandbox on {config.host} accepts test certificates and explains "
            "refusals; do not put it on the internet.",
            err=True,
        )
