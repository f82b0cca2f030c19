"""A thread that looks after a store that serves: what is left over, and what may have gone wrong.

Only a gateway has one. A command of the operator removes nothing of what is left over: it may have
been given the wrong configuration, and nobody waits to see what it says.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic

from digipoort_wus.errors import DigipoortError
from digipoort_wus.store.reader import Reader
from digipoort_wus.store.sql.transaction import SqlReader, SqlTransaction
from digipoort_wus.store.vault import Vault

_log = logging.getLogger(__name__)
LOOKS_EVERY = 5.0
"""Seconds between two looks."""
FIRST_SWEEP = 30.0
"""Seconds after the start: whoever began with a mistake has the time to notice it."""
SWEEPS_EVERY = 86_400.0
Sweep = Callable[[Callable[[], bool]], int]
"""Removes what is left over and returns how many; is given what tells that the gateway stops."""


class Sweeper:
    """Looks and sweeps until it is stopped.

    Args:
        looks: are called now and then; raise nothing.
        sweeps: by what they remove.
    """

    def __init__(
        self, looks: Iterable[Callable[[], None]], sweeps: Iterable[tuple[str, Sweep]]
    ) -> None:
        self._looks = tuple(looks)
        self._sweeps = tuple(sweeps)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for the one request that is under way."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        # Processes that were started together do not sweep together.
        due = monotonic() + FIRST_SWEEP * random.uniform(1, 1.5)  # noqa: S311, spread, no secret
        while not self._stopping.wait(LOOKS_EVERY):
            for look in self._looks:
                look()
            if monotonic() < due:
                continue
            due = monotonic() + SWEEPS_EVERY
            for what, sweep in self._sweeps:
                self._sweep(what, sweep)

    def _sweep(self, what: str, sweep: Sweep) -> None:
        try:
            if swept := sweep(self._stopping.is_set):
                _log.info("%d payload %s without a filing were removed", swept, what)
        except Exception as error:
            if not self._stopping.is_set():
                # The next one does it: nothing depends on when.
                _log.warning(
                    "payload %s without a filing could not be looked for: %s",
                    what,
                    str(error) if isinstance(error, DigipoortError) else type(error).__name__,
                    extra={"event": "sweep-failed"},
                )


def look_after(
    vault: Vault,
    read: Callable[[Callable[[Reader], bool]], bool],
    looks: Iterable[Callable[[], None]] = (),
) -> Callable[[], None]:
    """Look after a store, and return what ends that.

    Args:
        vault: of the store.
        read: of the store; each question about a payload is a transaction of its own.
        looks: are called now and then as well; raise nothing.
    """

    def is_file(digest: bytes) -> bool:
        return read(lambda reader: _rows(reader).is_file(digest))

    def is_object(digest: bytes) -> bool:
        return read(lambda reader: _rows(reader).is_object(digest))

    looks, sweeps = list(looks), list[tuple[str, Sweep]]()
    if vault.files is not None:
        sweeps.append(("files", partial(vault.files.sweep, is_file)))
    if vault.objects is not None:
        looks.append(vault.objects.look)
        sweeps.append(("objects", partial(vault.objects.sweep, is_object)))
    return Sweeper(looks, sweeps).stop


def nothing_to_end() -> None:
    """End nothing: nobody looks after the store."""


def _rows(reader: Reader) -> SqlReader | SqlTransaction:
    if not isinstance(reader, SqlReader | SqlTransaction):
        raise TypeError("a transaction of another store")
    return reader
