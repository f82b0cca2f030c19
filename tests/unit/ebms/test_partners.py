"""Whom we speak as, and who may set up a connection for whom."""

from dataclasses import replace

import pytest

from digipoort_wus import checks
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.ebms.partners import Partner, require_peer
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.testpki import TestPki
from tests.ebms_parties import der, pair


def test_nothing_unsafe_is_taken_unless_it_is_said(g1: TestPki) -> None:
    partner = Partner(pair(g1, Profile.BE).agreement)
    assert not partner.unsafe_sha1
    assert not partner.unsafe_cbc_and_rsa_1_5
    assert partner.peers == frozenset()


def test_an_agreement_that_is_not_here(g1: TestPki) -> None:
    ours = pair(g1, Profile.BE).agency.ours
    with pytest.raises(EbmsRefusal) as raised:
        ours.partner("another")
    assert raised.value.check is checks.EBMS_CPA
    assert raised.value.location == "//Header/MessageHeader/CPAId"


def test_who_signs_is_who_the_agreement_names(g1: TestPki) -> None:
    mine, other = g1.identities["agency"], g1.identities["vendor-a"]
    ours = replace(pair(g1, Profile.BE).agency.ours, identities=(mine, other))
    assert ours.signer(()) is mine
    assert ours.signer((der(other), der(mine))) is other
    with pytest.raises(ConfigurationError, match="is not here"):
        ours.signer((der(g1.identities["gateway-tls"]),))


def test_who_may_set_up_the_connection(g1: TestPki) -> None:
    two = pair(g1, Profile.BE)
    partner = two.digipoort.ours.partner(two.agreement.cpa_id)
    agency, other = two.agency.certificate, g1.identities["vendor-a"].certificate
    oin = oin_of(agency)
    assert oin_of(other) != oin
    # By its PartyId, also where a suffix names the environment.
    require_peer(agency, (PartyId(oin, OIN_TYPE),), partner)
    require_peer(agency, (PartyId("x", "urn:x"), PartyId(f"{oin}_OTA", OIN_TYPE)), partner)
    # By a certificate of the agreement, of which it has a newer one; or by word of the operator.
    require_peer(
        other, (two.agency.id,), partner, (b"no certificate", der(g1.identities["vendor-a"]))
    )
    require_peer(other, (two.agency.id,), replace(partner, peers=frozenset({oin_of(other)})))


@pytest.mark.parametrize("name", ["vendor-a", None])
def test_who_may_not(g1: TestPki, name: str | None) -> None:
    two = pair(g1, Profile.BE)
    partner = two.digipoort.ours.partner(two.agreement.cpa_id)
    peer = None if name is None else g1.identities[name].certificate
    of_another_type = PartyId("" if peer is None else oin_of(peer), "urn:x")
    for sender in ((two.agency.id,), (of_another_type,)):
        with pytest.raises(EbmsRefusal) as raised:
            require_peer(peer, sender, partner, (der(two.agency.identity),))
        assert raised.value.check is checks.EBMS_PEER
        assert raised.value.location == "//Header/MessageHeader/From/PartyId"


def test_a_certificate_without_an_oin_is_nobody(g1: TestPki) -> None:
    two = pair(g1, Profile.BE)
    partner = two.digipoort.ours.partner(two.agreement.cpa_id)
    nobody = g1.ca_certificates[0]
    with pytest.raises(EbmsRefusal, match="no OIN"):
        require_peer(nobody, (two.agency.id,), partner)
