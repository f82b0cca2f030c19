"""``digipoort-wus agency --ebms``: the example agency behind a message service of its own."""

import logging
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from digipoort_wus.config import Config
from digipoort_wus.delivery.ebms_settings import EbmsSettings
from digipoort_wus.delivery.example import Conduct
from digipoort_wus.delivery.reporting import Reporting
from digipoort_wus.filing.filing import Delivery, Document
from digipoort_wus.filing.party import Party
from digipoort_wus.identity_files import IdentityFiles

if TYPE_CHECKING:
    from twisted.logger import ILogObserver

_OWNER = Party("001000044B37", "Fi")
"""Whom the test certificates of vendors file for."""
_log = logging.getLogger("digipoort_wus.agency")


@dataclass(frozen=True, slots=True)
class Agreed:
    """An agreement, and what is done with it.

    Args:
        octets: of the CPA.
        urls: ``OLD=NEW``, where to post instead.
        files: to be filed.
        berichtsoort: of these.
    """

    octets: bytes = field(repr=False)
    urls: tuple[str, ...]
    files: tuple[Path, ...]
    berichtsoort: str

    def deliveries(self) -> list[Delivery]:
        """Return what is to be filed; a file is known by its name.

        Raises:
            OSError: a file cannot be read.
        """
        return [
            Delivery(
                berichtsoort=self.berichtsoort,
                belanghebbende=_OWNER,
                rol_belanghebbende="Bedrijf",
                document=Document("application/xml", path.name[:80], path.read_bytes()),
                aanleverkenmerk=path.name[:40],
            )
            for path in self.files
        ]


def config_of(pki_dir: Path, identity: str, data_dir: Path, host: str, port: int) -> Config:
    """Return the configuration of an agency with test certificates."""
    files = IdentityFiles(pki_dir / f"{identity}.pem", pki_dir / f"{identity}.key")
    return replace(
        Config(),
        pki_dir=pki_dir,
        tls=files,
        signing=files,
        data_dir=data_dir,
        host=host,
        port=port,
        ebms=EbmsSettings(),
    )


def run(
    config: Config,
    agreed: Agreed,
    reporting: Reporting | None,
    gateway_oin: str,
    conduct: Conduct,
) -> None:
    """Serve until SIGTERM.

    Raises:
        ConfigurationError: certificates, the directory or the agreement cannot be used.
    """
    # Twisted takes a third of a second to import, and its reactor is this process's.
    from twisted.logger import STDLibLogObserver, globalLogBeginner

    from digipoort_wus.cli.cpa_stored import pair_of
    from digipoort_wus.delivery.inbox import Inbox
    from digipoort_wus.ebms_agency import EbmsExampleAgency
    from digipoort_wus.server.reactor import global_reactor

    urls = dict(pair_of("--url", text) for text in agreed.urls)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    reactor = global_reactor()
    observer = cast("ILogObserver", STDLibLogObserver("digipoort_wus"))
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    example = EbmsExampleAgency(
        config,
        Inbox(config.data_dir),
        gateway_oin,
        reporting=reporting,
        conduct=conduct,
        reactor=reactor,
    )
    for finding in example.agree(agreed.octets, urls):
        _log.warning("%s", finding)
    for delivery in agreed.deliveries():
        message_id = example.file(agreed.octets, delivery)
        _log.info("%s is filed as %s", ascii(delivery.aanleverkenmerk), message_id)
    example.listen()
    reactor.addSystemEventTrigger("before", "shutdown", example.peer.stop)

    def ready() -> None:
        click.echo(f"ready {example.url}")
        sys.stdout.flush()

    reactor.callWhenRunning(ready)
    reactor.run()
