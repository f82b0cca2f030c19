"""Two message services exchange: every profile, both ways, whatever the wire does."""

from pathlib import Path

import pytest

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.filing.content import read_content
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction
from tests.unit.messaging.parties import PAYLOADS, two_gateways


@pytest.mark.parametrize("sync_reply", [SyncReply.NONE, SyncReply.SIGNALS])
@pytest.mark.parametrize("profile", Profile)
def test_each_profile_in_both_directions(
    g1: TestPki, tmp_path: Path, profile: Profile, sync_reply: SyncReply
) -> None:
    with two_gateways(g1, tmp_path, profile, sync_reply=sync_reply) as two:
        for sender, receiver in ((two.agency, two.digipoort), (two.digipoort, two.agency)):
            message_id = sender.service.send(sender.letter(two.pair))
            two.wire.run()
            (out,) = sender.rows(Direction.OUT)
            assert (out.head.key.message_id, out.state) == (message_id, "DELIVERED")
            (came,) = receiver.backend.unprocessed()
            assert came.head.key.message_id == message_id
            got = receiver.backend.get(came.ebms_id)
            assert [read_content(each.content) for each in got.content.parts] == [
                read_content(each.content) for each in PAYLOADS
            ]
            assert receiver.backend.mark_processed([came.ebms_id]) == 1
            assert sender.told() == ["DELIVERED"]
            assert receiver.told() == ["RECEIVED"]
            for one in (sender, receiver):
                assert one.backend.mark_events(e.event_id for e in one.backend.events()) == 1
        requests = 2 if profile.reliable and sync_reply is SyncReply.NONE else 1
        assert len(two.wire.seen) == 2 * requests
