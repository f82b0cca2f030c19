"""``digipoort-wus serve``: run the gateway in this process until it is told to stop."""

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from digipoort_wus.config import DEFAULT_DATA_DIR, ROLES, Config, Role
from digipoort_wus.config_file import load_config


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
@click.option(
    "--role",
    type=click.Choice(ROLES),
    help="What this process does of a gateway on PostgreSQL: answer (front), work on filings "
    "(worker), or both. [default: all]",
)
@click.option("-v", "--verbose", is_flag=True, help="Log every request, as production always does.")
def serve(
    data_dir: Path | None,
    pki_dir: Path | None,
    host: str | None,
    port: int | None,
    config_file: Path | None,
    role: Role | None,
    verbose: bool,
) -> None:
    """Run the gateway: a sandbox on this machine unless a configuration says otherwise.

    Once it can answer it prints one line on stdout: the word ready and the URLs of
    AanleverService, StatusinformatieService and OphaalService; where health checks and metrics
    are configured, another with the word admin and their URL. A worker has no URLs. Logs go to
    stderr.
    It stops cleanly on SIGTERM and Ctrl-C, and at once when it is told so twice. When its
    store fails it ends with exit status 1. On SIGHUP it loads certificates, keys and CRLs
    anew, without dropping a request; it does so too when one of their files has changed.
    On SIGHUP it also reads parties, mailbox mandates, routes and rule sets anew, and logs
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
            role=role or config.role,
            log_level="info" if verbose and config.log_level != "debug" else config.log_level,
        )

    run(read(), read if config_file else None)


def run(config: Config, read: Callable[[], Config] | None = None) -> None:
    """Run a gateway until SIGTERM or SIGINT, and log to stderr.

    Args:
        config: what it starts with.
        read: reads the configuration again on SIGHUP, for parties, mailbox mandates and routes.

    Raises:
        ConfigurationError: certificates, data directory or port cannot be used.
    """
    if config.log_format == "text":
        announce(config)
    # Twisted takes a third of a second to import, and its reactor is this process's.
    from digipoort_wus.server.logs import begin_logging, take_over_twisted

    begin_logging(config.log_format, config.least_logged)
    if config.log_format == "json":
        # Every line is an object, what the imports below warn of included.
        logging.captureWarnings(True)
        for sentence in announcements(config):
            logging.getLogger("digipoort_wus").warning("%s", sentence, extra={"event": "start"})
    from digipoort_wus.cli.hangup import reload_on_hangup, renew
    from digipoort_wus.cli.supervision import Supervision
    from digipoort_wus.gateway import Gateway
    from digipoort_wus.server.memory import give_back_large_blocks
    from digipoort_wus.server.reactor import global_reactor
    from digipoort_wus.server.workers import take_short_turns

    # For the whole process, so it is said here, where the process is the gateway's own.
    give_back_large_blocks()
    take_short_turns()
    reactor = global_reactor()
    take_over_twisted()
    gateway = Gateway(config, reactor=reactor)
    gateway.listen()
    reload_on_hangup(lambda: renew(gateway, read))
    reactor.addSystemEventTrigger("before", "shutdown", gateway.stop)

    def ready() -> None:
        click.echo(" ".join(("ready", *gateway.urls)))
        if gateway.admin_url is not None:
            click.echo(f"admin {gateway.admin_url}")
        sys.stdout.flush()

    reactor.callWhenRunning(ready)
    supervision = Supervision(gateway, reactor)
    reactor.run()
    if supervision.failed:
        sys.exit(1)


def announce(config: Config) -> None:
    """Say on stderr what is going to happen before it takes a few seconds."""
    for sentence in announcements(config):
        click.echo(sentence, err=True)


def announcements(config: Config) -> Iterator[str]:
    """Yield what is to be said before a gateway starts."""
    if config.mode != "sandbox":
        return
    if config.ca_file is None and not (config.pki / "ca.pem").exists():
        yield f"Making test certificates in {config.pki} (a few seconds)..."
    if config.host not in ("localhost", "127.0.0.1", "::1"):
        yield (
            f"Warning: a sandbox on {config.host} accepts test certificates and explains "
            "refusals; do not put it on the internet."
        )
