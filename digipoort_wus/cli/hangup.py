"""SIGHUP asks a gateway that runs for a reload, as it asks most servers."""

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from digipoort_wus.config import load_config
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


def renew(gateway: "Gateway", config_file: Path | None) -> None:
    """Put parties and mailbox mandates of the configuration file into force, and reload.

    A file that cannot be used changes nothing of them, and is one sentence in the log. In the
    reactor's thread, where signals arrive as well.
    """
    if config_file is not None:
        try:
            table = load_config(config_file).authorisations
        except ConfigurationError as error:
            _log.error("the old parties and mandates stay: %s", error)
        else:
            gateway.authorise(table)
            _log.info("%d parties were read anew", len(table.rows))
    gateway.reload()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
