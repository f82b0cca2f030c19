"""Says on stderr how far a run is."""

import re
import sys
from pathlib import Path

from chaos.journal import now
from chaos.settings import Run

_EVERY = 15.0
_LOOKED_EVERY = 2.0
_ANSWER = re.compile(rb'"kind": "ok", "op": "file".*?"message_id": "([^"]+)"')


class Progress:
    """Counts what senders were told, from what they wrote down since the last look.

    Args:
        run: whose journals are read.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._began = self._told_at = now()
        self._looked_at = 0.0
        self._read: dict[Path, int] = {}
        self._ids: set[bytes] = set()

    @property
    def acked(self) -> int:
        """Return how many filings were acknowledged, as of the last look."""
        return len(self._ids)

    def tell(self, kills: int) -> None:
        """Look now and then, and say what was seen every quarter of a minute."""
        if now() - self._looked_at < _LOOKED_EVERY:
            return
        self._looked_at = now()
        for path in self._run.directory.glob("history*.jsonl"):
            self._look(path)
        if now() - self._told_at < _EVERY:
            return
        self._told_at = now()
        print(
            f"{now() - self._began:5.0f} s: {kills} of {self._run.kills} deaths, "
            f"{self.acked:,} filings acknowledged",
            file=sys.stderr,
            flush=True,
        )

    def _look(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            # The rest of the last line comes next time.
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read[path] = self._read.get(path, 0) + len(line)
                if found := _ANSWER.search(line):
                    self._ids.add(found[1])
