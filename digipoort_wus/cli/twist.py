"""``twist digipoort-wus``: the gateway as a Twisted service."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.python import usage

from digipoort_wus.cli.hangup import reload_on_hangup, renew
from digipoort_wus.cli.serve import announce
from digipoort_wus.cli.supervision import Supervision
from digipoort_wus.config import ROLES, Config, Role
from digipoort_wus.config_file import load_config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.gateway import Gateway
from digipoort_wus.server.memory import give_back_large_blocks
from digipoort_wus.server.reactor import global_reactor
from digipoort_wus.server.workers import take_short_turns


class Options(usage.Options):
    """The options of ``digipoort-wus serve``."""

    optParameters = [  # noqa: N815, RUF012 - Twisted's interface
        ["data-dir", None, None, "Filings, statuses and test certificates."],
        ["pki-dir", None, None, "Test certificates. [default: the data directory]"],
        ["host", None, None, "Address to listen on. [default: localhost]"],
        ["port", None, None, "TCP port, 0 takes a free one. [default: 8443]", int],
        ["role", None, None, f"{', '.join(ROLES)}. [default: all]"],
        ["config", None, None, "TOML file."],
    ]

    def postOptions(self) -> None:  # noqa: N802 - Twisted's interface
        """Read the configuration here, where twist turns a mistake into a sentence."""
        try:
            self.config = self.read()
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None

    def read(self) -> Config:
        """Read the configuration, over which the options win.

        Raises:
            ConfigurationError: the file cannot be used.
        """
        given = cast("Mapping[str, str | None]", self)
        port = cast("int | None", self["port"])
        config = load_config(Path(given["config"])) if given["config"] else Config()
        return replace(
            config,
            data_dir=Path(given["data-dir"] or config.data_dir),
            pki_dir=Path(given["pki-dir"]) if given["pki-dir"] else config.pki_dir,
            host=given["host"] or config.host,
            port=config.port if port is None else port,
            role=cast("Role", given["role"] or config.role),
        )


class GatewayService(Service):
    """Starts and stops a gateway with the application it is part of."""

    def __init__(self, config: Config, read: Callable[[], Config] | None) -> None:
        self._config = config
        self._read = read
        self._gateway: Gateway | None = None

    def startService(self) -> None:  # noqa: N802 - Twisted's interface
        """Open the store and listen."""
        super().startService()
        announce(self._config)
        give_back_large_blocks()
        take_short_turns()
        try:
            self._gateway = Gateway(self._config, reactor=global_reactor())
            self._gateway.listen()
        except ConfigurationError as error:
            # Nothing runs yet: one sentence, as `digipoort-wus serve` says it.
            sys.exit(f"Error: {error}")
        gateway = self._gateway
        reload_on_hangup(lambda: renew(gateway, self._read))
        supervision = Supervision(gateway, global_reactor())
        global_reactor().addSystemEventTrigger("after", "shutdown", lambda: _ended(supervision))
        print(" ".join(("ready", *self._gateway.urls)), flush=True)
        if gateway.admin_url is not None:
            print(f"admin {gateway.admin_url}", flush=True)

    def stopService(self) -> Deferred[None] | None:  # noqa: N802 - Twisted's interface
        """Finish what is being answered and close the store."""
        super().stopService()
        return self._gateway.stop() if self._gateway else None


def _ended(supervision: Supervision) -> None:
    if supervision.failed:
        # twist has no exit status for a service that failed.
        logging.shutdown()
        os._exit(1)


def makeService(options: Options) -> GatewayService:  # noqa: N802 - Twisted's interface
    """Return the service for these options."""
    return GatewayService(options.config, options.read if options["config"] else None)
