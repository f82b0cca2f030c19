"""What a gateway in another process of this machine spends on a case (Linux)."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from digipoort_wus.errors import ConfigurationError

_STILL_SECONDS = 0.02
_STILL_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time in milliseconds, and growth of memory in MiB at its peak."""

    cpu_ms: float
    mib: float


class Meter:
    """Reads the clocks and the memory of a process.

    Args:
        pid: of a process of the same user.

    Raises:
        ConfigurationError: there is no such process, or this is no Linux.
    """

    def __init__(self, pid: int) -> None:
        self._process = Path(f"/proc/{pid}")
        # The clock of another process (clock_getcpuclockid).
        self._clock = (~pid << 3) | 2
        self._cpu = self._memory = 0.0
        try:
            self._clock_now()
            self._status("VmRSS")
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigurationError(
                f"Process {pid} cannot be measured: give one of this user, on Linux."
            ) from error

    def start(self) -> None:
        """Begin to measure, once the process has nothing left to do."""
        end, before = time.monotonic() + _STILL_WITHIN, -1.0
        while (now := self._clock_now()) != before and time.monotonic() < end:
            before = now
            time.sleep(_STILL_SECONDS)
        with suppress(OSError):
            # Forget the peak of before.
            (self._process / "clear_refs").write_text("5")
        self._cpu, self._memory = self._clock_now(), self._status("VmRSS")

    def stop(self) -> Cost:
        """Return what was spent since the start; a process that ended spent nothing."""
        try:
            cpu, peak = self._clock_now(), self._status("VmHWM")
        except (OSError, ValueError):
            return Cost(0.0, 0.0)
        return Cost((cpu - self._cpu) * 1000, max(0.0, peak - self._memory))

    def _clock_now(self) -> float:
        return time.clock_gettime(self._clock)

    def _status(self, key: str) -> float:
        for line in (self._process / "status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == key:
                return int(value.split()[0]) / 1024
        raise ValueError(key)
