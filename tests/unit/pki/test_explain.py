"""A certificate explained: its chain as found, what is missing, and what it may do."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509

from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import TrustStore, trust_store
from digipoort_wus.pki.explain import Explained, explain_certificate, name_of, purposes_of
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from tests.unit.pki.scenarios import NOW


def store_of(pki: TestPki, *, cas: tuple[str, ...], crls: tuple[str, ...]) -> TrustStore:
    return trust_store(
        [pki.authorities[name].certificate for name in cas],
        [pki.crls[name] for name in crls],
        profiles.TEST,
    )


def explained(
    pki: TestPki,
    name: str,
    *,
    store: TrustStore | None = None,
    sent: tuple[x509.Certificate, ...] = (),
    at: datetime = NOW,
) -> Explained:
    leaf = pki.identities[name].certificate
    return explain_certificate(store or pki.trust_store(), leaf, sent, at)


def checks_of(found: Explained) -> dict[str, str]:
    return {
        role.value: refusal.check.id if refusal is not None else "good"
        for role, refusal in found.verdicts.items()
    }


def test_a_good_certificate(g1: TestPki) -> None:
    found = explained(g1, "vendor-a")
    assert checks_of(found) == {"TLS client": "good", "signing": "good"}
    assert found.oin == "00000099000000002000"
    assert (found.uses, found.policies) == (("TLS client", "TLS server"), ("test G1 server",))
    assert found.missing == ""
    assert [link.found_in for link in found.links] == [
        "given", "trust store", "trust store", "trusted root",
    ]  # fmt: skip
    assert [link.key for link in found.links] == ["RSA 2048", "RSA 4096", "RSA 4096", "RSA 4096"]
    assert found.links[0].days_left == 3650
    assert found.links[0].revocation.startswith("not revoked; CRL until 20")
    assert found.links[-1].revocation == ""


@pytest.mark.parametrize(
    ("name", "verdicts", "purposes"),
    [
        ("vendor-a", {"TLS client": "good", "signing": "good"}, {"TLS client (test)"}),
        ("vendor-a-auth", {"TLS client": "good", "signing": "PKI-POLICY"}, {"TLS client (test)"}),
        ("vendor-a-sign", {"TLS client": "PKI-PURPOSE", "signing": "good"}, {"signing (test)"}),
    ],
)
def test_the_roles_of_g4(
    g4: TestPki, name: str, verdicts: dict[str, str], purposes: set[str]
) -> None:
    found = explained(g4, name)
    assert checks_of(found) == verdicts
    assert purposes <= set(found.purposes)
    assert all("production" not in purpose for purpose in found.purposes)


def test_a_missing_intermediate_is_named(g1: TestPki) -> None:
    store = store_of(g1, cas=("root", "intermediate"), crls=("root", "intermediate", "issuing-ca"))
    found = explained(g1, "vendor-a", store=store)
    assert checks_of(found) == {"TLS client": "PKI-CHAIN", "signing": "PKI-CHAIN"}
    assert len(found.links) == 1
    issuer = name_of(g1.authorities["issuing-ca"].certificate)
    assert found.missing.startswith(f"the certificate of {issuer} is not here; it is said to be at")
    assert found.missing.endswith("/issuing-ca.cer")
    assert found.links[0].revocation == "not known: its issuer is not here"
    # Sent along, it is found, and the chain is whole.
    sent = (g1.authorities["issuing-ca"].certificate,)
    found = explained(g1, "vendor-a", store=store, sent=sent)
    assert checks_of(found) == {"TLS client": "good", "signing": "good"}
    assert [link.found_in for link in found.links][:2] == ["given", "given"]


def test_a_root_that_is_not_trusted(g1: TestPki, g4: TestPki) -> None:
    cas = ("root", "intermediate", "issuing-ca")
    sent = tuple(g1.authorities[name].certificate for name in cas)
    found = explained(g1, "vendor-a", store=g4.trust_store(), sent=sent)
    root = name_of(g1.authorities["root"].certificate)
    assert found.missing == f"{root} is a root that is not trusted here"
    assert checks_of(found)["signing"] == "PKI-CHAIN"


def test_a_missing_crl_and_a_stale_one(g1: TestPki) -> None:
    cas = ("root", "intermediate", "issuing-ca")
    found = explained(g1, "vendor-a", store=store_of(g1, cas=cas, crls=("root", "issuing-ca")))
    assert [link.revocation for link in found.links][1] == "PKI-CRL: no CRL"
    assert found.links[0].revocation.startswith("not revoked")
    late = g1.authorities["issuing-ca"].certificate.not_valid_after_utc + timedelta(days=2)
    stale = explained(g1, "vendor-a", at=late)
    assert stale.links[0].revocation.startswith("PKI-CRL: nextUpdate ")
    assert stale.links[0].days_left < 0


def test_revoked_and_expired(g1: TestPki) -> None:
    revoked = explained(g1, "vendor-revoked")
    assert revoked.links[0].revocation.startswith("PKI-REVOKED: certificate with serial ")
    assert checks_of(revoked)["signing"] == "PKI-REVOKED"
    expired = explained(g1, "vendor-expired")
    assert expired.links[0].days_left == -30
    assert checks_of(expired)["signing"] == "PKI-VALIDITY"


def test_a_ca_is_good_for_nothing_else(g1: TestPki) -> None:
    ca = g1.authorities["issuing-ca"].certificate
    assert purposes_of(ca) == ()
    found = explain_certificate(g1.trust_store(), ca, (), NOW, roles=(Role.SIGNER,))
    assert found.oin is None
    assert checks_of(found) == {"signing": "PKI-PURPOSE"}
