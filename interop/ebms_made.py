"""Agreements for the scenarios, made by the package."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from ebms_cpa import BACK, OUT, SERVICE, CpaParty, Profile

from digipoort_wus.ebms import cpa_plan
from digipoort_wus.ebms.cpa_making import make_agreement
from digipoort_wus.ebms.message import PartyId, Service
from digipoort_wus.ebms.names import OIN_TYPE, SERVICE_TYPE
from digipoort_wus.ebms.terms import SyncReply


def made(cpa_id: str, first: CpaParty, second: CpaParty, profile: Profile) -> str:
    """Return the CPA that the package makes, for the service of the scenarios."""
    plan = cpa_plan.Plan(
        profile=cpa_plan.Profile(profile.name),
        parties=(_planned(first), _planned(second)),
        services=(cpa_plan.ServicePlan(Service(SERVICE, SERVICE_TYPE), (OUT,), (BACK,)),),
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2035, 12, 31, tzinfo=UTC),
        cpa_id=cpa_id,
        retries=profile.retries,
        interval=timedelta(seconds=profile.seconds),
        sync_reply=SyncReply.SIGNALS if profile.sync else SyncReply.NONE,
    )
    octets, _ = make_agreement(plan, at=datetime.now(UTC))
    return octets.decode()


def _planned(party: CpaParty) -> cpa_plan.PartyPlan:
    leaf, *issuers = (
        each.public_bytes(Encoding.DER)
        for each in x509.load_pem_x509_certificates(party.certificate.read_bytes())
    )
    credentials = cpa_plan.Credentials(leaf, leaf, leaf, leaf, tuple(issuers))
    named = PartyId(party.oin, OIN_TYPE)
    return cpa_plan.PartyPlan(party.role.title(), named, party.role, party.url, credentials)
