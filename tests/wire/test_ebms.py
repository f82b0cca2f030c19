"""Two real gateways over real mutual TLS: every profile, both ways, however answers come back."""

from collections.abc import Iterator

import pytest

from digipoort_wus.ebms.cpa_plan import Profile
from tests.wire.ebms import AANLEVER, AFLEVER, Two, two_gateways


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with two_gateways(tmp_path_factory.mktemp("ebms")) as both:
        yield both


@pytest.mark.parametrize("sync", [False, True], ids=["asynchronous", "synchronous"])
@pytest.mark.parametrize("profile", Profile, ids=lambda profile: profile.value)
def test_messages_of_every_profile_arrive_both_ways(two: Two, profile: Profile, sync: bool) -> None:
    cpa_id = two.agree(profile, sync=sync)
    payload = f"<bericht>{profile.value}</bericht>".encode()
    for sender, receiver, what in (
        (two.agency, two.digipoort, AANLEVER),
        (two.digipoort, two.agency, AFLEVER),
    ):
        message_id = sender.send(cpa_id, what, [payload, b"tweede"])
        sender.wait_for(message_id, "DELIVERED")
        (row,) = receiver.came(message_id)
        assert row.state == "RECEIVED"
        assert receiver.payloads(row.ebms_id) == [payload, b"tweede"]
        assert len(sender.attempts(message_id)) == 1


@pytest.mark.parametrize("sync", [False, True], ids=["asynchronous", "synchronous"])
def test_a_ping_is_answered(two: Two, sync: bool) -> None:
    cpa_id = two.agree(Profile("osb-rm"), sync=sync)
    assert two.agency.ping(cpa_id) == "pong"
    assert two.digipoort.ping(cpa_id) == "pong"
