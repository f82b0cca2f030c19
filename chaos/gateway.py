"""One node of a run: the real process on a real store, with a front that senders can reach.

Usage: python -m chaos.gateway RUN.json NODE

Over lines of JSON it serves what an embedding program would call; on PostgreSQL its engine is
told by pgqueuer what to do, as in a cluster. Over TLS it is the whole gateway. In both it ends
by SIGTERM in order, and by its crash point at once.
"""

import hashlib
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar, cast
from uuid import uuid4

from chaos import mutants
from chaos.journal import Fault, Journal, now
from chaos.opening import config_of, open_storage
from chaos.parts import PARTY, QUICK_RETRY, JumpingClock, Witness
from chaos.settings import BERICHTSOORT, REFERENCE, Run
from chaos.wire import Message, Reply, Server, end_with_parent
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.process.api import Caller, Period, ProcessStatus, Scope
from digipoort_wus.process.cluster import ClusterRunner, Works
from digipoort_wus.process.engine import Engine, Policies
from digipoort_wus.process.intake import House
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.service import ProcessService
from digipoort_wus.process.steps import Participants
from digipoort_wus.store import files, sweeping
from digipoort_wus.store.ports import Job, StoreFailed

T = TypeVar("T")

CANNOT_START = 3
"""Exit code: the store or the address could not be used."""
_ALWAYS = RetryPolicy(timedelta(seconds=0.2), timedelta(seconds=1))
QUICK = Policies(validation=_ALWAYS, delivery=QUICK_RETRY, crash=_ALWAYS)
"""What takes minutes and hours elsewhere takes seconds here."""
_IDLE = timedelta(seconds=0.5)


def main() -> None:
    """Run a node until SIGTERM."""
    end_with_parent()
    run, node = Run.load(Path(sys.argv[1])), sys.argv[2]
    if run.mutant:
        mutants.MUTANTS[run.mutant].build_in()
    # Waited for, not handled: a handler could come between any two steps of this thread.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    journal = Journal(run.journal(f"steps-{node}"))
    try:
        with ExitStack() as stack:
            begin = _lines if run.front == "lines" else _tls
            begin(run, node, journal, stack)
            Journal(run.journal(f"faults-{node}")).write(Fault(now(), "ready", node))
            print("ready", flush=True)
            signal.sigwait({signal.SIGTERM})
    except (ConfigurationError, OSError) as error:
        print(f"{node}: {error}", file=sys.stderr)
        sys.exit(CANNOT_START)


class _Deaf(Engine):
    """An engine that cannot extend its leases while a file is there."""

    deaf = Path()

    def _extend(self, jobs: Sequence[Job]) -> Sequence[Job]:
        if self.deaf.exists():
            raise StoreFailed("the run does not let leases be extended")
        return super()._extend(jobs)


def _sweep_soon(run: Run) -> None:
    """Have what is left over in the only directory removed within seconds, not a week later."""
    if run.store == "sqlite":
        files.SWEPT_FROM_AGE = files.REMOVED_AFTER = 0.0
        sweeping.LOOKS_EVERY, sweeping.FIRST_SWEEP, sweeping.SWEEPS_EVERY = 0.2, 0.2, 1.0


def _lines(run: Run, node: str, journal: Journal, stack: ExitStack) -> None:
    """Serve the process over lines, with engines of its own."""
    clock = JumpingClock(run.clock_file)
    runners: list[Works] = []

    def wake() -> None:
        for runner in runners:
            runner.wake()

    _sweep_soon(run)
    storage = open_storage(run)
    store = storage.store
    store.look_after()
    stack.callback(store.close)
    witness = Witness(run, node, journal, clock)
    for _ in range(run.engines):
        # Each its own, as if they were on two machines.
        engine = _Deaf(
            store=store,
            participants=Participants(authoriser=witness, rules=witness, agency=witness),
            clock=clock,
            policies=QUICK,
            lease=timedelta(seconds=run.lease),
            batch=run.batch,
        )
        engine.deaf = run.deaf_file
        works: Works = Runner(engine.run_due, clock, idle=_IDLE)
        if storage.queue is None:
            runners.append(works)
        else:
            # Nobody wakes it: pgqueuer does, and the sweep finds what that forgot.
            works = ClusterRunner(
                storage.queue,
                engine.run_one,
                store,
                clock,
                threads=run.batch,
                finish=engine.finish,
            )
        works.start()
        stack.callback(works.stop)
    executor = stack.enter_context(ThreadPoolExecutor(4))
    process = ProcessService(
        store=store,
        house=House(sandbox_routes()),
        clock=clock,
        new_id=lambda: str(uuid4()),
        executor=executor,
        wake=wake,
    )
    server = Server(run.socket(node), partial(_serve, process))
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    server.start()


def _serve(process: ProcessService, message: Message, reply: Reply) -> None:
    """Answer one line; the answer goes out in the thread that resolves the future."""
    content = str(message.get("content", "")).encode()
    caller = Caller(
        oin=str(message["sender"]),
        tls_oin=None,
        message_id=str(message.get("message_id", "")),
        body_digest=hashlib.sha256(content).digest(),
    )
    if message["op"] == "file":
        delivery = Delivery(
            berichtsoort=BERICHTSOORT,
            belanghebbende=PARTY,
            rol_belanghebbende="Bedrijf",
            document=Document("text/xml", "aangifte.xml", content),
            aanleverkenmerk=REFERENCE,
        )
        accepted = process.accept(caller, delivery)
        accepted.add_done_callback(lambda done: reply(_outcome(done, _receipt)))
        return
    kenmerk = str(message["kenmerk"])
    statuses = process.process_statuses(caller, kenmerk, Period(), Scope.ALL, None)
    statuses.add_done_callback(lambda done: reply(_outcome(done, _statuses)))


def _outcome(done: "Future[T]", message: Callable[[T], Message]) -> Message | None:
    """Return the answer; None, so that nobody knows, when the gateway itself failed."""
    error = done.exception()
    if isinstance(error, Refusal):
        return {"refused": error.check.id}
    return None if error is not None else message(done.result())


def _receipt(filing: Filing) -> Message:
    return {"kenmerk": filing.kenmerk, "received_at": filing.received_at.isoformat()}


def _statuses(statuses: Sequence[ProcessStatus]) -> Message:
    return {"statuses": [(one.status.code, one.status.at.isoformat()) for one in statuses]}


def _tls(run: Run, node: str, journal: Journal, stack: ExitStack) -> None:
    """Serve the whole gateway over mutual TLS, always on the same port."""
    from digipoort_wus.delivery.ebms import EbmsAgency
    from digipoort_wus.delivery.wus import WusAgency
    from digipoort_wus.gateway import Gateway
    from digipoort_wus.process.scenarios import no_scenarios
    from digipoort_wus.testing.reactor_thread import ReactorThread

    _sweep_soon(run)
    clock = JumpingClock(run.clock_file)
    witness = Witness(run, node, journal, clock)
    WusAgency.deliver = witness.watching(WusAgency.deliver)  # type: ignore[method-assign, assignment]
    EbmsAgency.deliver = witness.watching(EbmsAgency.deliver)  # type: ignore[method-assign, assignment]
    thread = stack.enter_context(ReactorThread())

    def begin() -> Gateway:
        gateway = Gateway(
            config_of(run, node),
            reactor=thread.reactor,
            clock=clock,
            rules=witness,
            agency=None if run.has_real_agency else witness,
            authoriser=witness,
            scenarios=no_scenarios(),
            policies=QUICK,
        )
        if gateway.ebms is not None:
            gateway.ebms.book.put(run.cpa_file.read_bytes())
        gateway.listen()
        return gateway

    gateway = thread.call(begin)
    stack.callback(lambda: thread.call(cast("Callable[[], None]", gateway.stop)))


if __name__ == "__main__":
    main()
