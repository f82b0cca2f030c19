"""Two parties with an agreement of any profile, for tests: certificates from certs-test/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.ebms.cpa import Agreement
from digipoort_wus.ebms.cpa_making import make_agreement
from digipoort_wus.ebms.cpa_plan import (
    DIGIPOORT_ROLES,
    DIGIPOORT_SERVICES,
    Credentials,
    PartyPlan,
    Plan,
    Profile,
)
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.ebms.partners import Ours, Partner
from digipoort_wus.ebms.quirks import PLAIN, Quirks
from digipoort_wus.ebms.signature import Trust
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.pki.chain import VerifiedCertificate, verify_certificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from tests.messages import NOW

AT = NOW
AANLEVEREN, AFLEVEREN = (plan.service for plan in DIGIPOORT_SERVICES)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its identity for everything, its id, and how it sees the agreement."""

    identity: Identity
    id: PartyId
    ours: Ours

    @property
    def certificate(self) -> x509.Certificate:
        return self.identity.certificate


@dataclass(frozen=True, slots=True)
class Pair:
    """A government body and Digipoort; ``agency`` sends aanleveren and gets afleveren."""

    agreement: Agreement
    octets: bytes
    agency: Side
    digipoort: Side


def der(identity: Identity) -> bytes:
    return identity.certificate.public_bytes(Encoding.DER)


def trust_of(pki: TestPki) -> Trust:
    store = pki.trust_store()

    def judge(
        leaf: x509.Certificate, sent: Sequence[x509.Certificate], at: datetime
    ) -> VerifiedCertificate:
        return verify_certificate(store, leaf, sent, Role.SIGNER, at)

    return judge


def party_id(identity: Identity) -> PartyId:
    return PartyId(oin_of(identity.certificate), OIN_TYPE)


def pair(
    pki: TestPki,
    profile: Profile,
    *,
    sync_reply: SyncReply = SyncReply.NONE,
    urls: tuple[str, str] = ("https://agency.invalid/ebms", "https://digipoort.invalid/ebms"),
    retries: int = 8,
    interval: timedelta = timedelta(hours=3),
    quirks: Quirks = PLAIN,
    at: datetime = AT,
    government: str = "agency",
) -> Pair:
    """Make an agreement between the test agency and the test gateway, and both sides of it.

    With ``government`` it is of another identity in the place of the agency's.
    """
    identities = (pki.identities[government], pki.identities["gateway-tls"])
    names = ("Agency", "Digipoort")
    parties = []
    for name, role, url, identity in zip(names, DIGIPOORT_ROLES, urls, identities, strict=True):
        one = der(identity)
        parties.append(
            PartyPlan(name, party_id(identity), role, url, Credentials(one, one, one, one))
        )
    plan = Plan(
        profile,
        (parties[0], parties[1]),
        DIGIPOORT_SERVICES,
        start=at - timedelta(days=1),
        end=at + timedelta(days=365),
        sync_reply=sync_reply,
        retries=retries,
        interval=interval,
    )
    octets, _findings = make_agreement(plan, at=at)
    agreement = read_agreement(octets)
    trust = trust_of(pki)
    partners: Mapping[str, Partner] = {agreement.cpa_id: Partner(agreement, quirks)}
    sides = [
        Side(
            identity,
            party_id(identity),
            Ours(frozenset({party_id(identity)}), (identity,), partners, trust),
        )
        for identity in identities
    ]
    return Pair(agreement, octets, sides[0], sides[1])
