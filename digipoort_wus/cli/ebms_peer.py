"""``digipoort-wus ebms peer``: the other party of an agreement, which misbehaves on command."""

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from digipoort_wus.config import DEFAULT_DATA_DIR, Config
from digipoort_wus.config_file import load_config
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.identity_files import IdentityFiles

if TYPE_CHECKING:
    from twisted.logger import ILogObserver

    from digipoort_wus.server.ebms_faults import Misdeed, Spell

_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FAULTS = """\b
Faults, each for one message, or with * and a number behind it for so many,
or with * alone for all that follow:
  lose-ack       keep it, and lose its acknowledgment
  late-ack       keep it, and acknowledge it --late seconds later
  double-ack     acknowledge it twice, where that goes by a request of its own
  bad-signature  acknowledge it with a wrong signature
  wrong-cpa      acknowledge it under an agreement that there is not
  reset          cut the connection, and keep nothing
  503, 500       answer so, and keep nothing
  never          never answer, and keep nothing
  none           nothing wrong
"""


@click.command(epilog=_FAULTS)
@click.argument("cpa", type=_FILE)
@click.option(
    "--config",
    "config_file",
    type=_FILE,
    help="TOML file with its certificates, as of a gateway; instead of --pki-dir.",
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
    "--data-dir",
    type=_DIRECTORY,
    default=Path("digipoort-wus-peer"),
    show_default=True,
    help="What it took and sent; `ebms messages` lists it.",
)
@click.option("--host", default="localhost", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8445,
    show_default=True,
    help="0 takes a free port.",
)
@click.option(
    "--url",
    "urls",
    multiple=True,
    metavar="OLD=NEW",
    help="Post to another address than the CPA says; may be repeated.",
)
@click.option(
    "--quirk", "quirks", multiple=True, metavar="NAME=VALUE", help="As of `cpa add`; repeatable."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT[*N]",
    help="What it does wrong with the next message, see below; may be repeated.",
)
@click.option(
    "--late",
    type=click.FloatRange(0, 3_600),
    default=10,
    show_default=True,
    help="Seconds of late-ack.",
)
def peer(
    cpa: Path,
    config_file: Path | None,
    pki_dir: Path,
    identity: str,
    data_dir: Path,
    host: str,
    port: int,
    urls: tuple[str, ...],
    quirks: tuple[str, ...],
    faults: tuple[str, ...],
    late: float,
) -> None:
    """Play the other party of the agreement in the file CPA, and misbehave as told.

    It takes messages over mutual TLS, keeps them before it acknowledges them, and sends what
    `digipoort-wus ebms send --config ...` leaves in its data directory. Each message that comes
    uses up the next --fault; behind the last one it behaves. It accepts test certificates, and is
    for tests: the messages in its data directory are as safe as that directory is.

    Once it can answer it prints one line on stdout: the word ready and its URL. Logs go to
    stderr. It stops on SIGTERM and Ctrl-C.
    """
    from digipoort_wus.cli.cpa_stored import pair_of

    config = _config(config_file, pki_dir, identity)
    config = replace(config, data_dir=data_dir, host=host, port=port)
    _run(
        config,
        cpa.read_bytes(),
        dict(pair_of("--url", text) for text in urls),
        dict(pair_of("--quirk", text) for text in quirks),
        [spell_of(text) for text in faults],
        late,
    )


def spell_of(text: str) -> "Spell":
    """Return what one --fault says.

    Raises:
        click.UsageError: it is no fault.
    """
    from digipoort_wus.server.ebms_faults import Misdeed, Spell

    word, star, number = text.partition("*")
    known = {misdeed.value: misdeed for misdeed in Misdeed}
    if word not in known or (number and not (number.isdecimal() and 0 < int(number) < 1_000_000)):
        raise click.UsageError(
            f"--fault {text}: give one of {', '.join(known)}, with * and a number behind it for "
            "so many messages, or * alone for all."
        )
    times = int(number) if number else None if star else 1
    return Spell(known[word], times)


def _config(config_file: Path | None, pki_dir: Path, identity: str) -> Config:
    if config_file is not None:
        config = load_config(config_file)
        return config if config.ebms is not None else replace(config, ebms=EbmsSettings())
    files = IdentityFiles(pki_dir / f"{identity}.pem", pki_dir / f"{identity}.key")
    return replace(Config(), pki_dir=pki_dir, tls=files, signing=files, ebms=EbmsSettings())


def _run(
    config: Config,
    octets: bytes,
    urls: dict[str, str],
    quirks: dict[str, str],
    spells: "list[Spell]",
    late: float,
) -> None:
    # Twisted takes a third of a second to import, and its reactor is this process's.
    from twisted.logger import STDLibLogObserver, globalLogBeginner

    from digipoort_wus.peering import Peer
    from digipoort_wus.server.ebms_faults import Faults
    from digipoort_wus.server.reactor import global_reactor

    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    reactor = global_reactor()
    observer = cast("ILogObserver", STDLibLogObserver("digipoort_wus"))
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    log = logging.getLogger("digipoort_wus.peer")

    def tell(misdeed: "Misdeed") -> None:
        log.info("a message came: %s", misdeed.value)

    party = Peer(config, Faults(spells, late=late, tell=tell), reactor=reactor)
    for each in party.add(octets, urls, quirks):
        log.warning("%s", each)
    party.listen()
    reactor.addSystemEventTrigger("before", "shutdown", party.stop)

    def ready() -> None:
        click.echo(f"ready {party.url}")
        sys.stdout.flush()

    reactor.callWhenRunning(ready)
    reactor.run()
