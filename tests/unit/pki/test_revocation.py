"""What the table of chains does not show of CRLs."""

from datetime import UTC, datetime

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.revocation import CrlSet, Window, crl_set
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.scenarios import DAY, NOW, crl_of


def test_newest_current_list_decides(g1: TestPki) -> None:
    identity, authority = g1.identities["vendor-a"], g1.authorities["issuing-ca"]
    older = crl_of(authority, identity.certificate.serial_number, since=NOW - 2 * DAY)
    newer = crl_of(authority, since=NOW - DAY)
    pair = (identity.certificate, authority.certificate)
    for crls in ((older, newer), (newer, older)):
        window = crl_set(crls).check_not_revoked(pair, NOW)
        assert window == Window(NOW - DAY, NOW + DAY)
    with pytest.raises(Refusal) as caught:
        crl_set([older, newer]).check_not_revoked(pair, NOW - 1.5 * DAY)
    assert caught.value.check is checks.PKI_REVOKED


def test_an_older_list_does_not_stand_in_for_a_stale_one(g1: TestPki) -> None:
    identity, authority = g1.identities["vendor-a"], g1.authorities["issuing-ca"]
    older = crl_of(authority, since=NOW - 3 * DAY, until=NOW + 3 * DAY)
    stale = crl_of(authority, since=NOW - 2 * DAY, until=NOW - DAY)
    with pytest.raises(Refusal) as caught:
        crl_set([older, stale]).check_not_revoked(
            (identity.certificate, authority.certificate), NOW
        )
    assert caught.value.check is checks.PKI_CRL


def test_lists_of_the_same_second_count_together(g1: TestPki) -> None:
    identity, authority = g1.identities["vendor-a"], g1.authorities["issuing-ca"]
    crls = [crl_of(authority), crl_of(authority, identity.certificate.serial_number)]
    with pytest.raises(Refusal) as caught:
        crl_set(crls).check_not_revoked((identity.certificate, authority.certificate), NOW)
    assert caught.value.check is checks.PKI_REVOKED


def test_a_forged_list_beside_a_good_one_changes_nothing(g1: TestPki) -> None:
    identity, authority = g1.identities["vendor-a"], g1.authorities["issuing-ca"]
    other = g1.authorities["root"].key
    serial = identity.certificate.serial_number
    forged = type(authority)(
        authority.name, authority.certificate, authority.issuers, authority.scheme, other
    )
    crls = crl_set([crl_of(forged, serial), crl_of(authority)])
    crls.check_not_revoked((identity.certificate, authority.certificate), NOW)


def test_explanations(g1: TestPki) -> None:
    identity, authority = g1.identities["vendor-a"], g1.authorities["issuing-ca"]
    pair = (identity.certificate, authority.certificate)
    stale = crl_of(authority, since=NOW - 2 * DAY, until=NOW - DAY)
    for crls, received in (
        (CrlSet(), "no CRL"),
        (crl_set([stale]), "nextUpdate 2026-11-21T12:00:00Z"),
        (crl_set([crl_of(authority, since=NOW + DAY, until=NOW + 2 * DAY)]), "thisUpdate 2026-11"),
    ):
        with pytest.raises(Refusal) as caught:
            crls.check_not_revoked(pair, NOW)
        assert caught.value.check is checks.PKI_CRL
        assert caught.value.received.startswith(received)


def test_a_signature_is_verified_once(g1: TestPki) -> None:
    identity, authority = g1.identities["vendor-a"], g1.authorities["issuing-ca"]
    crls = crl_set([crl_of(authority)])
    pair = (identity.certificate, authority.certificate)
    crls.check_not_revoked(pair, NOW)
    (indexed,) = crls.by_issuer[authority.certificate.subject.public_bytes()]
    assert len(indexed.signers) == 1
    crls.check_not_revoked(pair, NOW)
    assert len(indexed.signers) == 1


def test_window_ends_are_inside() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    window = Window(start, end)
    assert start in window
    assert end in window
    assert end + DAY not in window
    assert window & Window(end, end + DAY) == Window(end, end)
