"""The thread that loads certificates, keys and CRLs anew: when told to, or when a file changed.

A thread of its own, because keys in PKCS#12 and long CRLs take a while to read.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue

from twisted.logger import Logger

from digipoort_wus.errors import ConfigurationError

_log = Logger(namespace="digipoort_wus")
_LOOK_SECONDS = 3_600
"""Between two looks at what expires, when no files are watched."""
_STOP_SECONDS = 10

Stamp = frozenset[tuple[str, int, int, int]]
"""Path, time of change, size and inode of files."""


def stamp_of(paths: Iterable[Path]) -> Stamp:
    """Return what tells whether files changed; of a directory those in it count."""
    return frozenset(_stat(file) for path in paths for file in _files(path))


class Watch:
    """Reloads on demand and on change, one reload at a time; a failure keeps what is in force.

    Args:
        reload: loads, validates and puts in force, or raises ConfigurationError.
        look: called at the start, after every reload and now and then, to tell what expires.
        paths: files and directories to watch.
        every: seconds between two looks at the files; 0 does not watch them.
    """

    def __init__(
        self,
        reload: Callable[[], object],
        look: Callable[[], object],
        paths: Iterable[Path],
        every: float,
    ) -> None:
        self._reload = reload
        self._look = look
        self._paths = tuple(paths)
        self._every = every
        self._stamp = stamp_of(self._paths)
        # None ends the thread. Unlike an Event, it may be fed from within a signal handler.
        self._wanted: SimpleQueue[Future[None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="trust-watch", daemon=True)

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread.start()

    def soon(self) -> Future[None]:
        """Ask for a reload, from any thread; resolves when it is in force.

        The future fails with a ConfigurationError when the old material was kept.
        """
        wanted: Future[None] = Future()
        self._wanted.put(wanted)
        return wanted

    def stop(self) -> None:
        """End the thread, behind a reload that is under way."""
        self._wanted.put(None)
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def _loop(self) -> None:
        self._guarded(self._look)
        while True:
            try:
                wanted = self._wanted.get(timeout=self._every or _LOOK_SECONDS)
            except Empty:
                if self._every and stamp_of(self._paths) != self._stamp:
                    self._load(None)
            else:
                if wanted is None:
                    return
                self._load(wanted)
            self._guarded(self._look)

    def _load(self, wanted: Future[None] | None) -> None:
        # Before the files are read: what changes meanwhile is read at the next look.
        self._stamp = stamp_of(self._paths)
        try:
            self._reload()
        except ConfigurationError as error:
            _log.error("nothing was reloaded, the old certificates stay: {error}", error=str(error))
            failure: Exception | None = error
        except Exception as error:
            _log.failure("the reload failed, the old certificates stay")
            failure = error
        else:
            failure = None
        if wanted is None or not wanted.set_running_or_notify_cancel():
            return
        if failure is None:
            wanted.set_result(None)
        else:
            wanted.set_exception(failure)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            _log.failure("cannot tell what expires")


def _files(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError:
        return [path]


def _stat(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino
