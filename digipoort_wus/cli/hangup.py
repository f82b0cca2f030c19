"""SIGHUP asks a gateway that runs for a reload, as it asks most servers."""

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from digipoort_wus.config import Config
from digipoort_wus.config_file import needs_restart
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.gateway import Gateway

_log = logging.getLogger("digipoort_wus")


def reload_on_hangup(reload: Callable[[], object]) -> None:
    """Call a function at every SIGHUP of this process; in the main thread only.

    When the terminal is gone that the process was started from, SIGHUP keeps its first
    meaning, and ends the process as SIGTERM does.

    Args:
        reload: returns at once; how the reload went is in the log.
    """
    at_terminal = _has_terminal()

    def hung_up(_signal: int, _frame: object) -> None:
        if at_terminal and not _has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            reload()

    signal.signal(signal.SIGHUP, hung_up)


def renew(gateway: "Gateway", read: Callable[[], Config] | None) -> None:
    """Put parties, mailbox mandates and routes of the configuration file into force, and reload.

    Certificates, keys, CRLs and rule sets are loaded anew by threads of the gateway.

    A file that cannot be used changes nothing of them, and is one sentence in the log. What
    else has changed in it is named there, since it waits for a restart. In the reactor's
    thread, where signals arrive as well.

    Args:
        gateway: the one that runs.
        read: reads the configuration again, as it was read at the start; None without a file.
    """
    if read is not None:
        try:
            _take_over(gateway, read())
        except ConfigurationError as error:
            _log.error("the old parties, mandates and routes stay: %s", error)
    gateway.reload()
    gateway.reload_rules()


def _take_over(gateway: "Gateway", config: Config) -> None:
    running = gateway.config
    # Whether others are admitted is for the mode that runs to say, not for one to come.
    table = replace(running, parties=config.parties, mailboxes=config.mailboxes).authorisations
    gateway.authorise(table)
    _log.info("%d parties were read anew", len(table.rows))
    _reroute(gateway, config)
    if waiting := needs_restart(running, config):
        _log.warning(
            "the configuration file has changed, and these settings need a restart; until then "
            "the old ones stay in force: %s",
            ", ".join(waiting),
        )


def _reroute(gateway: "Gateway", config: Config) -> None:
    """Put the routes into force; apart, since who is disabled is so whatever they are."""
    try:
        # To agencies that are there: others need a restart.
        routes = replace(gateway.config, routes=config.routes).routing
    except ConfigurationError as error:
        _log.error("the old routes stay: %s", error)
        return
    gateway.reroute(routes)
    _log.info("%d routes were read anew", len(routes))


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
