"""What expires, and when it is said."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from digipoort_wus import checks
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki import profiles, revocation
from digipoort_wus.pki.distribution import read_crl
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from digipoort_wus.pki.testplan import VENDOR_A_OIN
from digipoort_wus.server.expiry import notices
from digipoort_wus.server.trust import CurrentTrust, Materials
from tests.conftest import CERTS_TEST
from tests.crl_server import crl_of, der
from tests.messages import NOW

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def brief() -> TestPki:
    """Leaves for a hundred days; the CAs live one, two and three days longer."""
    return make_pki("g1", now=NOW, valid_days=100, key_source=keys_from(CERTS_TEST / "g1"))


def materials_of(pki: TestPki) -> Materials:
    return Materials(
        pki.identities["gateway-tls"],
        pki.identities["gateway-signing"],
        pki.ca_certificates,
        tuple(crl_of(pki, name, since=NOW, until=NOW + 1_000 * DAY) for name in pki.authorities),
        profiles.TEST,
    )


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (31 * DAY, None),
        (30 * DAY, "within 30 days"),
        (14 * DAY + SECOND, "within 30 days"),
        (14 * DAY, "within 14 days"),
        (7 * DAY, "within 7 days"),
        (1 * DAY, "within a day"),
        (timedelta(), "within a day"),
        (-SECOND, "has expired at"),
    ],
)
def test_certificates_are_mentioned_at_each_mark(
    brief: TestPki, left: timedelta, said: str | None
) -> None:
    materials = materials_of(brief)
    at = materials.tls.certificate.not_valid_after_utc - left
    texts = [n.text for n in notices(materials, at) if n.text.startswith("The TLS certificate")]
    assert len(texts) == (0 if said is None else 1)
    assert all(said is not None and said in text for text in texts)


def test_the_cas_are_mentioned_too(brief: TestPki) -> None:
    materials = materials_of(brief)
    texts = [notice.text for notice in notices(materials, NOW + 99 * DAY)]
    assert sum("within a day" in text for text in texts) == 2  # TLS and signing
    assert sum("The certificate of TEST" in text for text in texts) == 3


def test_each_notice_has_its_own_key(brief: TestPki) -> None:
    materials = materials_of(brief)
    found = notices(replace(materials, crls=()), NOW + 99 * DAY)
    assert len({notice.key for notice in found}) == len(found) == 8
    assert {n.key for n in notices(materials, NOW + 99 * DAY + SECOND)} <= {n.key for n in found}


def test_a_list_is_mentioned_when_half_of_it_is_gone(g1: TestPki) -> None:
    known = replace(
        materials_of(g1),
        authorities=(g1.authorities["issuing-ca"].certificate,),
        crls=(crl_of(g1, since=NOW, until=NOW + 2 * DAY),),
    )
    assert notices(known, NOW + DAY) == ()
    (late,) = notices(known, NOW + DAY + SECOND)
    assert "less than half of its life is left" in late.text
    assert notices(known, NOW + DAY + SECOND, confirmed=known.authorities) == ()
    (ended,) = notices(known, NOW + 2 * DAY + SECOND, confirmed=known.authorities)
    assert "has ended at" in ended.text
    (missing,) = notices(replace(known, crls=(g1.crls["root"],)), NOW)
    assert "is missing" in missing.text


# --- What is in force --------------------------------------------------------------


def test_another_list_is_in_force_at_once(g1: TestPki) -> None:
    materials = replace(materials_of(g1), crls=tuple(g1.crls.values()))
    trust, vendor = CurrentTrust(materials), g1.identities["vendor-a"].certificate
    before = trust.context()
    assert trust.peer(vendor, NOW).oin == trust.signer(vendor, NOW).oin
    newer = crl_of(g1, "issuing-ca", "vendor-a", since=NOW, until=NOW + DAY)
    others = (g1.crls["root"], g1.crls["intermediate"])
    trust.replace(replace(materials, crls=(*others, newer)), NOW)
    assert trust.context() is not before
    # Put back an old backup: what was revoked stays revoked.
    for _ in range(2):
        for judge in (trust.peer, trust.signer):
            with pytest.raises(Refusal) as caught:
                judge(vendor, NOW)
            assert caught.value.check is checks.PKI_REVOKED
        trust.replace(materials, NOW)


def test_a_list_that_begins_later_leaves_the_one_in_force(g1: TestPki) -> None:
    others = (g1.crls["root"], g1.crls["intermediate"])
    old = crl_of(g1, since=NOW - DAY, until=NOW + DAY)
    begins = NOW + timedelta(minutes=4)
    ahead = crl_of(g1, "issuing-ca", "vendor-a", since=begins, until=NOW + 2 * DAY, number=3)
    materials = replace(materials_of(g1), crls=(*others, old))
    trust, vendor = CurrentTrust(materials), g1.identities["vendor-a"].certificate
    for _ in range(2):
        trust.replace(replace(materials, crls=(*others, ahead)), NOW)
        assert trust.materials.crls == (*others, ahead, old)
        trust.peer(vendor, NOW)
        trust.signer(vendor, begins - SECOND)
        with pytest.raises(Refusal, match="PKI-REVOKED"):
            trust.signer(vendor, begins)
    trust.replace(replace(materials, crls=(*others, ahead)), begins)
    assert trust.materials.crls == (*others, ahead)


def test_long_lists_are_indexed_once(g1: TestPki, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes seconds of Python when it has a million entries."""
    indexed: list[x509.CertificateRevocationList] = []
    index = revocation._indexed

    def count(crl: x509.CertificateRevocationList) -> revocation.IndexedCrl:
        indexed.append(crl)
        return index(crl)

    monkeypatch.setattr(revocation, "_indexed", count)
    materials = materials_of(g1)
    trust = CurrentTrust(materials)
    notices(trust.materials, NOW)
    assert len(indexed) == len(materials.crls) == 3
    # The same lists, read again, and one that is new; an old one stays beside them.
    newer = crl_of(g1, since=NOW + DAY, until=NOW + 2 * DAY)
    again = tuple(read_crl(der(crl)) for crl in (*materials.crls[:2], newer))
    trust.replace(replace(materials, crls=again, index=trust.materials.index), NOW)
    notices(trust.materials, NOW)
    assert len(trust.materials.crls) == 4
    assert indexed[3:] == [newer]


def test_what_cannot_be_used_changes_nothing(g1: TestPki, g4: TestPki) -> None:
    materials = materials_of(g1)
    trust = CurrentTrust(materials)
    before = trust.context()
    leaf = g1.identities["vendor-a"].certificate
    for worse in (replace(materials, authorities=()), replace(materials, authorities=(leaf,))):
        with pytest.raises(ConfigurationError, match="trust"):
            trust.replace(worse, NOW)
        assert trust.context() is before
        assert trust.materials is materials


def test_a_peer_is_judged_for_its_role(g4: TestPki) -> None:
    trust = CurrentTrust(replace(materials_of(g4), crls=tuple(g4.crls.values())))
    identities = g4.identities
    for judge, name in ((trust.peer, "vendor-a-auth"), (trust.signer, "vendor-a-sign")):
        assert judge(identities[name].certificate, NOW).oin == VENDOR_A_OIN
    with pytest.raises(Refusal, match="PKI-PURPOSE"):
        trust.peer(identities["vendor-a-sign"].certificate, NOW)
    with pytest.raises(Refusal, match="PKI-POLICY"):
        trust.signer(identities["vendor-a-auth"].certificate, NOW)
