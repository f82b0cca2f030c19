"""An agency in a process of its own: takes filings, remembers each, and loses acknowledgements.

Usage: python -m chaos.agency RUN.json
"""

import json
import random
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from chaos.journal import Handed, Journal, now
from chaos.settings import Run
from chaos.wire import Message, Reply, Server, end_with_parent


@dataclass(frozen=True, slots=True)
class Manners:
    """How it behaves, until that is changed.

    Args:
        lose: share of the acknowledgements that are lost after the filing was taken.
        late: share of them that come too late for the lease of who delivers.
        late_seconds: how late.
        down: takes nothing at all.
    """

    lose: float = 0.02
    late: float = 0.0
    late_seconds: float = 0.0
    down: bool = False

    def save(self, path: Path) -> None:
        """Make this so from now on."""
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)))
        draft.rename(path)


class Agency:
    """Takes what is delivered."""

    def __init__(self, run: Run) -> None:
        self._path = run.agency_file
        self._journal = Journal(run.journal("agency"))
        self._random = random.Random(f"agency {run.seed}")
        self._gate = threading.Lock()
        # One at a time: somebody must be left to take over.
        self._late = threading.Lock()

    def take(self, message: Message, reply: Reply) -> None:
        """Keep a filing, and acknowledge it or not."""
        manners = Manners(**json.loads(self._path.read_text()))
        if manners.down:
            reply(None)
            return
        with self._gate:
            chance = self._random.random()
        fate: Literal["sent", "lost", "late"] = "sent"
        if chance < manners.lose:
            fate = "lost"
        elif chance < manners.lose + manners.late and self._late.acquire(blocking=False):
            fate = "late"
        names = message["message_id"], message["kenmerk"], message["content"]
        self._journal.write(Handed(now(), *names, fate))
        if fate == "late":
            time.sleep(manners.late_seconds)
            self._late.release()
        reply(None if fate == "lost" else {"taken": True})


def main() -> None:
    """Serve until the end of the process."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run = Run.load(Path(sys.argv[1]))
    server = Server(run.agency_socket, Agency(run).take)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
