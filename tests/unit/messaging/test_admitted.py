"""Whose row is disabled gets in nowhere, also when somebody else connects for it."""

from collections.abc import Sequence
from pathlib import Path

from digipoort_wus import checks
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.testpki import TestPki
from tests import ebms_messages as m
from tests.unit.messaging.parties import two_gateways
from tests.unit.messaging.test_defects import ours, received, told


def test_a_sender_is_judged_whoever_connected(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        octets, content_type = m.package()
        judged: list[Sequence[PartyId]] = []

        def admit(ids: Sequence[PartyId]) -> None:
            judged.append(ids)
            raise Refusal(checks.PARTY_ENABLED)

        two.digipoort.service.admit_senders(admit)
        said = told(received(two, ours(octets, two), content_type))
        assert (said.status, said.code) == (500, "SecurityFailure")
        assert said.text.startswith("[EBMS-PEER]")
        assert judged == [(two.agency.side.id,)]
        assert two.digipoort.rows() == []
