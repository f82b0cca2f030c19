"""Room on the disk: a filing is refused while there is little, before it is stored."""

import os
from pathlib import Path

from twisted.logger import Logger

from digipoort_wus import checks
from digipoort_wus.errors import Refusal

_log = Logger(namespace="digipoort_wus")


class Disk:
    """The file system of the data.

    Args:
        path: a directory on it.
        least: octets that must be free; 0 asks nothing.
    """

    def __init__(self, path: Path, least: int) -> None:
        self._path = path
        self._least = least
        self._was_low = False

    def free(self) -> int | None:
        """Return how many octets this process may still fill, None when the system does not say."""
        try:
            found = os.statvfs(self._path)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    def shortage(self) -> str:
        """Return what is wrong, as a sentence for the operator; empty when nothing is."""
        free = self.free()
        if free is None:
            return "the system does not tell how much of the disk is free"
        if free >= self._least:
            return ""
        return f"{free} bytes of the disk are free, fewer than {self._least}"

    def require_room(self) -> None:
        """Refuse a filing while there is little room; the log says so once.

        Raises:
            Refusal: HTTP-BUSY.
        """
        free = self.free()
        # What the system does not tell, the store will find out.
        low = free is not None and free < self._least
        if low and not self._was_low:
            _log.error("filings are refused: {why}", why=self.shortage(), event="disk-low")
        elif self._was_low and not low:
            _log.warn("there is room on the disk: filings are taken again", event="disk-ok")
        self._was_low = low
        if low:
            raise Refusal(checks.HTTP_BUSY, expected="room", received="no room for another filing")
