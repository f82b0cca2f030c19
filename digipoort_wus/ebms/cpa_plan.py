"""What an agreement for a profile of Digikoppeling ebMS2 is made of, for two parties."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from digipoort_wus.ebms.message import PartyId, Service
from digipoort_wus.ebms.names import SERVICE_TYPE, XMLENC11
from digipoort_wus.ebms.terms import Agreed, SyncReply, Terms
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import RSA_SHA256, SHA256

RETRIES = 8
INTERVAL = timedelta(hours=3)
"""What the best practices of Digikoppeling name."""
AES256_GCM = f"{XMLENC11}aes256-gcm"
_NAMESPACE = uuid.UUID("0a3c9c1e-6f0d-5f43-9d5e-5d0d4c4f7c55")


class Profile(StrEnum):
    """Best effort or reliable; plain, signed, or signed and encrypted."""

    BE = "osb-be"
    RM = "osb-rm"
    BE_S = "osb-be-s"
    RM_S = "osb-rm-s"
    BE_E = "osb-be-e"
    RM_E = "osb-rm-e"

    @property
    def reliable(self) -> bool:
        """Return whether messages are acknowledged, repeated, and taken once."""
        return self.value.startswith("osb-rm")

    @property
    def encrypted(self) -> bool:
        """Return whether payloads are encrypted; they are signed as well."""
        return self.value.endswith("-e")

    @property
    def signed(self) -> bool:
        """Return whether messages are signed, and their acknowledgments with them."""
        return self.encrypted or self.value.endswith("-s")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Certificates of a party, each DER of a leaf alone: issuers are no part of an agreement.

    Args:
        client: what it connects with.
        server: what it listens with.
        signing: what it signs with; needed where the profile signs.
        encryption: what others encrypt for; needed where the profile encrypts.
        anchors: of the roots and issuers that the party trusts; none are named when empty.
    """

    client: bytes = field(repr=False)
    server: bytes = field(repr=False)
    signing: bytes | None = field(default=None, repr=False)
    encryption: bytes | None = field(default=None, repr=False)
    anchors: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PartyPlan:
    """One of the two parties.

    Args:
        name: for people.
        id: usually an OIN with the type ``urn:osb:oin``, outside of production with a suffix.
        role: on the wire; another one than the other party's.
        url: https, where it takes messages and signals.
        credentials: its certificates.
    """

    name: str
    id: PartyId
    role: str
    url: str
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What goes to and fro under one service.

    Args:
        service: with its type.
        from_first: actions that the first party sends, in their order.
        from_second: actions that the second party sends.
    """

    service: Service
    from_first: tuple[str, ...] = ()
    from_second: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an agreement is made of.

    Args:
        profile: of all its messages.
        parties: the two.
        services: at least one, with at least one action.
        start: aware; whole seconds.
        end: aware; no later than the certificates last.
        cpa_id: None makes one of service, parties and a name-based UUID of the plan.
        retries: after the first attempt, of a reliable profile.
        interval: between attempts; whole seconds.
        persist: how long both keep a message; None: see :func:`persist_of`.
        sync_reply: where signals go: NONE, or SIGNALS when both parties want it.
        signature_algorithm: URI.
        digest: URI.
        encryption_algorithm: URI.
    """

    profile: Profile
    parties: tuple[PartyPlan, PartyPlan]
    services: tuple[ServicePlan, ...]
    start: datetime
    end: datetime
    cpa_id: str | None = None
    retries: int = RETRIES
    interval: timedelta = INTERVAL
    persist: timedelta | None = None
    sync_reply: SyncReply = SyncReply.NONE
    signature_algorithm: str = RSA_SHA256
    digest: str = SHA256
    encryption_algorithm: str = AES256_GCM


DIGIPOORT_ROLES: tuple[str, str] = ("OVERHEID", "DIGIPOORT")
"""Roles of the two parties in Digipoort's services: the government body, and Digipoort."""
DIGIPOORT_SERVICES: tuple[ServicePlan, ...] = (
    ServicePlan(
        Service("osb:aanleveren:1.1$1.0", SERVICE_TYPE), ("aanleveren",), ("bevestigAanleveren",)
    ),
    ServicePlan(
        Service("osb:afleveren:1.1$1.0", SERVICE_TYPE), ("bevestigAfleveren",), ("afleveren",)
    ),
)
"""Services of Digipoort, the first party being the government body; names as publicly known."""
_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)


def profile_of(terms: Terms) -> Profile | None:
    """Return the profile that terms are those of, by what they do; None where it is none."""
    always = {terms.ack_requested, terms.duplicate_elimination}
    if always not in ({Agreed.ALWAYS}, {Agreed.NEVER}):
        return None
    rank = 2 if terms.encryption is not None else 1 if terms.signature is not None else 0
    if rank == 2 and terms.signature is None:
        return None
    if always == {Agreed.NEVER}:
        return (Profile.BE, Profile.BE_S, Profile.BE_E)[rank]
    # Many agreements in use leave the acknowledgments of signed messages unsigned.
    wanted = Agreed.ALWAYS if rank else Agreed.NEVER
    return (Profile.RM, Profile.RM_S, Profile.RM_E)[rank] if terms.ack_signed is wanted else None


def persist_of(retries: int, interval: timedelta) -> timedelta:
    """Return a PersistDuration in whole days that is longer than all attempts together.

    Eight retries every three hours end after 27 hours, so that the P1D which Digikoppeling's
    best practices name beside them is too short; this gives P2D. That it has to be longer is
    inferred from ebMS 2.0 §6.4.
    """
    return ((retries + 1) * interval // _DAY + 1) * _DAY


def cpa_id_of(plan: Plan) -> str:
    """Return the id of the agreement of a plan: its own, or one made of what is planned."""
    if plan.cpa_id is not None:
        return plan.cpa_id
    first, second = plan.parties
    words = (plan.services[0].service.value, first.name, second.name)
    parts = ["".join(char if _is_plain(char) else "-" for char in word)[:60] for word in words]
    seed = "\n".join(
        (
            *(plan.profile, plan.start.isoformat(), plan.end.isoformat()),
            *(f"{each.id.type}:{each.id.value} {each.role} {each.url}" for each in plan.parties),
            *(repr(each) for each in plan.services),
            *(str(each) for each in (plan.retries, plan.interval, plan.persist, plan.sync_reply)),
        )
    )
    return "_".join((*parts, str(uuid.uuid5(_NAMESPACE, seed))))


def require_whole(plan: Plan) -> None:
    """Return when a plan has everything that its profile needs.

    Raises:
        ConfigurationError: it has not.
    """
    first, second = plan.parties
    if first.role == second.role:
        raise ConfigurationError(f"Both parties are {first.role!r}: give each a role of its own.")
    if not any(each.from_first or each.from_second for each in plan.services):
        raise ConfigurationError("No action is planned: name what one party sends to the other.")
    if plan.sync_reply not in (SyncReply.NONE, SyncReply.SIGNALS):
        raise ConfigurationError("Profiles know the reply modes none and mshSignalsOnly: use one.")
    for name, duration in (("interval", plan.interval), ("persist", plan.persist)):
        if duration is not None and (duration < _SECOND or duration % _SECOND):
            raise ConfigurationError(
                f"The {name} is no whole number of seconds: give PT1S or more."
            )
    for party in plan.parties:
        held = party.credentials
        for needed, certificate, does in (
            (plan.profile.signed, held.signing, "signs"),
            (plan.profile.encrypted, held.encryption, "encrypts payloads"),
        ):
            if needed and certificate is None:
                raise ConfigurationError(
                    f"{plan.profile} {does}: give a certificate for it of {party.name}."
                )


def _is_plain(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in ".-")
