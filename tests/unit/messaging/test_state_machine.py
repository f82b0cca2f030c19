"""Whatever order of losses, doubles, deaths and times Hypothesis finds: once-only holds.

Two message services with their stores and real signatures, in both directions at once. A message
is received once at most; who is told that it was delivered is told the truth; and when all time
is over, everything has come to an end that was told once.
"""

import shutil
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.pki.testpki import keys_from, make_pki
from digipoort_wus.store.ebms_values import Direction
from tests.conftest import CERTS_TEST
from tests.messages import NOW
from tests.unit.messaging.parties import (
    Gateway,
    Hop,
    Killed,
    answer_lost,
    answering,
    delivered_but,
    doubled,
    lost,
    passed,
    two_gateways,
)
from tests.unit.messaging.test_killed import mortal

PKI = make_pki("g1", now=NOW, key_source=keys_from(CERTS_TEST / "g1"))
HOPS: dict[str, Hop] = {
    "passed": passed,
    "lost": lost,
    "answer lost": answer_lost,
    "doubled": doubled,
    "503": answering(503),
    "204 and nothing taken": answering(204),
    "taken, and 200 with junk": delivered_but(200, b"junk"),
}
SIDES = st.sampled_from(["agency", "digipoort"])
FINAL = {"DELIVERED", "FAILED", "EXPIRED"}


class Exchange(RuleBasedStateMachine):
    @initialize(sync_reply=st.sampled_from([SyncReply.NONE, SyncReply.SIGNALS]))
    def start(self, sync_reply: SyncReply) -> None:
        self.stack = ExitStack()
        directory = Path(tempfile.mkdtemp())
        self.stack.callback(shutil.rmtree, directory)
        around = two_gateways(PKI, directory, Profile.RM, sync_reply=sync_reply, retries=2)
        self.two = self.stack.enter_context(around)
        self.sent: list[str] = []
        for gateway in self.both():
            self.send(gateway.name, again=False)

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        try:
            if hasattr(self, "two"):
                self.settle()
        finally:
            self.stack.close()

    def both(self) -> tuple[Gateway, Gateway]:
        return self.two.agency, self.two.digipoort

    def guarded(self, gateway: Gateway, work: object) -> None:
        assert callable(work)
        try:
            work()
        except Killed:
            self.two.wire.buried(gateway)

    @rule(side=SIDES, again=st.booleans())
    def send(self, side: str, again: bool) -> None:
        gateway = self.two.wire.named(side)
        earlier = [message_id for message_id in self.sent if side in message_id]
        if again and earlier:
            message_id = earlier[-1]
        elif len(earlier) < 2:
            message_id = f"{len(earlier)}@{side}.example"
            self.sent.append(message_id)
        else:
            return
        letter = gateway.letter(self.two.pair, message_id)
        self.guarded(gateway, lambda: gateway.service.send(letter))

    @rule(side=SIDES, names=st.lists(st.sampled_from(sorted(HOPS)), min_size=1, max_size=3))
    def work(self, side: str, names: list[str]) -> None:
        gateway = self.two.wire.named(side)
        self.two.wire.hops = [HOPS[name] for name in names]
        self.guarded(gateway, gateway.outbox.run_once)
        self.two.wire.hops.clear()

    @rule(side=SIDES, left=st.integers(1, 5), committed=st.booleans())
    def somebody_will_die(self, side: str, left: int, committed: bool) -> None:
        mortal(self.two.wire.named(side), left, committed=committed)

    @rule(side=SIDES)
    def somebody_dies(self, side: str) -> None:
        self.two.wire.buried(self.two.wire.named(side))

    @rule(minutes=st.sampled_from([1, 30, 180, 181, 700]))
    def time_passes(self, minutes: int) -> None:
        self.two.time.pass_by(timedelta(minutes=minutes))

    @rule(side=SIDES)
    def the_application_takes(self, side: str) -> None:
        gateway = self.two.wire.named(side)

        def take() -> None:
            ids = [row.ebms_id for row in gateway.backend.unprocessed()]
            gateway.backend.mark_processed(ids)

        self.guarded(gateway, take)

    @invariant()
    def each_is_received_once_and_told_truly(self) -> None:
        if not hasattr(self, "two"):
            return
        for sender, receiver in (self.both(), self.both()[::-1]):
            came = [row.head.key.message_id for row in receiver.rows(Direction.IN)]
            good = [row for row in receiver.rows(Direction.IN) if row.state != "REFUSED"]
            assert len(came) == len(set(came))
            told = [event.kind for event in receiver.backend.events() if event.kind == "RECEIVED"]
            assert len(told) == len(good)
            for row in sender.rows(Direction.OUT):
                kinds = [event.kind for event in sender.backend.progress(row.ebms_id).events]
                assert kinds == ([row.state] if row.state in FINAL else [])
                if row.state == "DELIVERED":
                    assert row.head.key.message_id in [one.head.key.message_id for one in good]

    def settle(self) -> None:
        """Let the wire be good and all time be over."""
        self.two.wire.hops.clear()
        for gateway in self.both():
            self.two.wire.buried(gateway)
        for _ in range(12):
            for gateway in self.both():
                while gateway.outbox.run_once():
                    pass
            self.two.time.pass_by(timedelta(hours=1))
        self.each_is_received_once_and_told_truly()
        for gateway in self.both():
            assert all(row.state in FINAL for row in gateway.rows(Direction.OUT))


TestExchange = Exchange.TestCase
TestExchange.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
