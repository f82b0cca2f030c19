"""A gateway process for measurements: it can be given messages, and says how late it was.

It prints ``ready`` and its URLs. On stdin it takes ``offer KENMERK OCTETS``, which puts a
message of that size into a mailbox, and ``late``, to which it answers with what its reactor
was late since the last time: median, 99th percentile and maximum, in milliseconds.

Usage: python -m bench.served DATA_DIR
"""

import statistics
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from digipoort_wus.config import Config
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.gateway import Gateway
from digipoort_wus.server.memory import give_back_large_blocks
from digipoort_wus.server.reactor import RunnableReactor, global_reactor
from digipoort_wus.server.workers import take_short_turns

_TICK = 0.002


def main() -> None:
    """Serve until stdin ends."""
    give_back_large_blocks()
    take_short_turns()
    reactor = global_reactor()
    gateway = Gateway(Config(data_dir=Path(sys.argv[1]), port=0), reactor=reactor)
    gateway.listen()
    reactor.addSystemEventTrigger("before", "shutdown", gateway.stop)
    ticker = _Ticker(reactor)

    def listen() -> None:
        print("ready", *gateway.urls, flush=True)
        for line in sys.stdin:
            words = line.split()
            if words[0] == "offer":
                gateway.offer(_message(words[1], int(words[2]))).result()
                print("offered", flush=True)
            else:
                print(*(f"{late * 1000:.2f}" for late in ticker.take()), flush=True)
        reactor.callFromThread(reactor.stop)

    reactor.callWhenRunning(ticker.tick)
    reactor.callWhenRunning(threading.Thread(target=listen, daemon=True).start)
    reactor.run()


def _message(kenmerk: str, octets: int) -> ReturnMessage:
    return ReturnMessage(
        kenmerk=kenmerk,
        berichtkenmerk=str(uuid4()),
        berichtsoort="Omzetbelasting",
        offered_at=datetime.now(UTC),
        belanghebbende=Party("001000044B37", "Fi"),
        rol_belanghebbende="Bedrijf",
        document=Document("application/xml", "bericht.xml", b"a" * octets),
    )


class _Ticker:
    """Asks for its turn again and again, and notes how late it comes."""

    def __init__(self, reactor: RunnableReactor) -> None:
        self._reactor = reactor
        self._due = 0.0
        self._late: list[float] = []

    def tick(self) -> None:
        """Note how late this turn is, and ask for the next."""
        now = self._reactor.seconds()
        if self._due:
            self._late.append(max(now - self._due, 0))
        self._due = now + _TICK
        self._reactor.callLater(_TICK, self.tick)

    def take(self) -> tuple[float, float, float]:
        """Return median, 99th percentile and maximum so far, and begin anew."""
        late, self._late = sorted(self._late), []
        return statistics.median(late), late[int(len(late) * 0.99)], late[-1]


if __name__ == "__main__":
    main()
