"""A sender in a process of its own: files, and files again until it is answered.

Usage: python -m chaos.sender RUN.json NAME

Each thread does one thing at a time. A lost reply is resent with the same wsa:MessageID; one
filing in ten is resent although it was answered; one in fifty reuses a MessageID for another
content, which must be refused. At the end of its input it finishes what it began, and ends.
"""

import random
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from chaos.journal import Event, Journal, now
from chaos.settings import SENDER, Run
from chaos.ways import Lines, Refused, Sent, Tls, Way
from chaos.wire import Lost, end_with_parent

AGAIN, REUSE, READ, LARGE = 0.10, 0.02, 0.05, 0.04
_FINISH_SECONDS = 60.0
_AFTER_LOSS = 0.05
_KEPT = 200
_LINE = "<regel soort='omzet'>1234567890</regel>"


class Sender:
    """One thread's dialogue with the gateway.

    Args:
        run: how fast.
        way: to the gateway.
        journal: of this process.
        chance: decides everything.
        finishing: is set when no new filing is to begin.
    """

    def __init__(
        self,
        run: Run,
        way: Way,
        journal: Journal,
        chance: random.Random,
        finishing: threading.Event,
    ) -> None:
        self._run = run
        self._way = way
        self._journal = journal
        self._chance = chance
        self._finishing = finishing
        self._answered: deque[Sent] = deque(maxlen=_KEPT)

    def work(self) -> None:
        """File until told to finish."""
        while not self._finishing.wait(self._run.pause * 2 * self._chance.random()):
            chance = self._chance.random()
            if not self._answered or chance > AGAIN + REUSE + READ:
                self._until_answered(self._new())
                continue
            known = self._chance.choice(self._answered)
            if chance < READ:
                self._read(known.kenmerk)
            elif chance < READ + REUSE:
                self._once(replace(known, content=f"<ander>{known.content}</ander>", kenmerk=""))
            else:
                self._until_answered(known)

    def _new(self) -> Sent:
        number = UUID(int=self._chance.getrandbits(128), version=4)
        lines = 5_000 if self._chance.random() < LARGE else self._chance.randrange(5, 250)
        return Sent(f"urn:uuid:{number}", f"<aangifte nummer='{number}'>{_LINE * lines}</aangifte>")

    def _until_answered(self, sent: Sent) -> None:
        """Send until there is an answer, or it takes too long to end."""
        end = None
        while not self._once(sent):
            if self._finishing.is_set():
                end = end or now() + _FINISH_SECONDS
                if now() > end:
                    return
            time.sleep(_AFTER_LOSS)

    def _once(self, sent: Sent) -> bool:
        """Send once; say whether there was an answer."""
        event = Event(now(), "invoke", "file", SENDER, sent.message_id, sent.digest)
        self._journal.write(event)
        try:
            kenmerk, received_at = self._way.file(sent)
        except Lost as lost:
            self._journal.write(replace(event, at=now(), kind="info", reason=str(lost)))
            return False
        except Refused as refused:
            self._journal.write(replace(event, at=now(), kind="fail", reason=str(refused)))
            return True
        answered = replace(event, at=now(), kind="ok", kenmerk=kenmerk, received_at=received_at)
        self._journal.write(answered)
        if not sent.kenmerk:
            self._answered.append(replace(sent, kenmerk=kenmerk))
        return True

    def _read(self, kenmerk: str) -> None:
        """Ask for the statuses of a process that was acknowledged."""
        event = Event(now(), "invoke", "read", SENDER, kenmerk=kenmerk)
        self._journal.write(event)
        try:
            statuses = self._way.statuses(kenmerk)
        except Lost as lost:
            self._journal.write(replace(event, at=now(), kind="info", reason=str(lost)))
        except Refused as refused:
            self._journal.write(replace(event, at=now(), kind="fail", reason=str(refused)))
        else:
            self._journal.write(replace(event, at=now(), kind="ok", statuses=statuses))


def main() -> None:
    """Run the threads of a process until its input ends, and what they began is finished."""
    end_with_parent()
    run, name = Run.load(Path(sys.argv[1])), sys.argv[2]
    journal, finishing = Journal(run.journal(f"history-{name}")), threading.Event()
    threads = []
    for number in range(run.threads):
        chance = random.Random(f"{name} {number} {run.seed}")
        way: Way = Lines(run, chance) if run.front == "lines" else Tls(run, chance)
        sender = Sender(run, way, journal, chance, finishing)
        threads.append(threading.Thread(target=sender.work, daemon=True))
    print("ready", flush=True)
    for thread in threads:
        thread.start()
    sys.stdin.read()
    finishing.set()
    for thread in threads:
        thread.join(2 * _FINISH_SECONDS)


if __name__ == "__main__":
    main()
