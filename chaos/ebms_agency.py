"""The example agency behind a message service of its own, with manners that change.

Usage: python -m chaos.ebms_agency RUN.json agency

It is the package's agency, as in :mod:`chaos.wus_agency`, but filings come as messages, and it
confirms each by one. A confirmation that is lost is lost before it is kept: it is made again.
"""

import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from chaos.journal import Journal
from chaos.parts import JumpingClock
from chaos.settings import AGENCY, Run
from chaos.wire import end_with_parent
from chaos.wus_agency import Anywhere, Changing, WatchedInbox, reportings
from digipoort_wus.cli.agency_ebms import config_of
from digipoort_wus.delivery.example import Conduct

if TYPE_CHECKING:
    from digipoort_wus.delivery.reporting import Reporting


def main() -> None:
    """Serve until SIGTERM."""
    end_with_parent()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run = Run.load(Path(sys.argv[1]))

    from digipoort_wus.ebms_agency import EbmsExampleAgency
    from digipoort_wus.testing.reactor_thread import ReactorThread

    clock, conduct = JumpingClock(run.clock_file), Changing(run)
    inbox = WatchedInbox(run.inbox, conduct, Journal(run.journal(AGENCY)))
    oin, ways = reportings(run, clock)
    with ReactorThread() as thread:

        def begin() -> EbmsExampleAgency:
            agency = EbmsExampleAgency(
                config_of(run.pki, "agency", run.inbox, "127.0.0.1", run.port(AGENCY)),
                inbox,
                oin,
                reporting=cast("Reporting", Anywhere(ways, random.Random(run.seed))),
                conduct=cast(Conduct, conduct),
                reactor=thread.reactor,
                clock=clock,
            )
            agency.agree(run.cpa_file.read_bytes())
            agency.listen()
            return agency

        agency = thread.call(begin)
        print("ready", flush=True)
        signal.sigwait({signal.SIGTERM})
        thread.call(cast("Callable[[], None]", agency.peer.stop))


if __name__ == "__main__":
    main()
