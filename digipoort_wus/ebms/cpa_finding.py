"""What can be wrong with an agreement that can be read: every kind, with what to do about it.

An error means that messages cannot go as it says; a warning that something in it contradicts
itself, Digikoppeling, or good sense.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Weight(StrEnum):
    """Whether an agreement can be used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can be wrong.

    Args:
        id: stays the same over versions.
        weight: what it means.
        source: what says so; "ours" where nothing public does.
        rule: what should hold, one sentence.
        remedy: what to do, one sentence.
    """

    id: str
    weight: Weight
    source: str
    rule: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A kind of thing that is wrong, and where.

    Args:
        kind: what.
        at: a party, an id, an action: where in the agreement.
        found: what is there; technical.
    """

    kind: Kind
    at: str
    found: str

    def __str__(self) -> str:
        return f"[{self.kind.id}] {self.at}: {self.found}. {self.kind.remedy}"


_EBMS, _CPPA, _DK = "ebMS 2.0", "CPPA 2.0", "Digikoppeling ebMS2 3.3.2"
_BP, _TLS, _IDENTITY = (
    "Digikoppeling ebMS2 best practices 3.2.2",
    "Digikoppeling beveiliging",
    "Digikoppeling identificatie",
)
_E, _W = Weight.ERROR, Weight.WARNING
_ALL = (
    Kind(
        "CPA-STATUS", _E, _CPPA,
        "Both parties agreed.",
        "Agree on it, and set its Status to agreed.",
    ),
    Kind(
        "CPA-PERIOD", _E, _CPPA,
        "Start comes before End.",
        "Mend Start or End.",
    ),
    Kind(
        "CPA-ENDED", _E, _CPPA,
        "End is to come.",
        "Make a new CPA with the other party.",
    ),
    Kind(
        "CPA-NOT-STARTED", _W, _CPPA,
        "Start has passed.",
        "Wait, or agree on an earlier Start: until then no message is taken.",
    ),
    Kind(
        "CPA-LONG", _W, "ours",
        "It ends within ten years.",
        "End it with the certificates that it holds.",
    ),
    Kind(
        "CPA-ID", _W, "ours",
        "The CPAId holds letters, digits and . _ - only.",
        "Choose another: it becomes the name of a file in many products.",
    ),
    Kind(
        "CPA-SIGNATURE", _W, _CPPA,
        "The signature over the CPA is known to hold.",
        "Compare the CPA with what you agreed on: its own signature is not verified here.",
    ),
    Kind(
        "CPA-SAME-PARTY", _E, _CPPA,
        "The two parties are not the same.",
        "Give each party ids of its own.",
    ),
    Kind(
        "CPA-PARTY-TYPE", _W, _DK,
        "PartyIds have a type, and OINs the type urn:osb:oin.",
        "Give the PartyId its type; for an organisation in the Netherlands use its OIN.",
    ),
    Kind(
        "CPA-PARTY-OIN", _E, _IDENTITY,
        "A PartyId of the type urn:osb:oin is an OIN.",
        "Write the OIN of 20 characters, or give the PartyId the type that it is of.",
    ),
    Kind(
        "CPA-PARTY-SUFFIX", _W, _IDENTITY,
        "Outside of production an OIN in a PartyId has a suffix that says so.",
        "Write behind the OIN _O, _T, _A or _OTA, or nothing in production.",
    ),
    Kind(
        "CPA-NAME-SPACE", _W, _DK,
        "Services and actions have no space in them.",
        "Rename the service or action.",
    ),
    Kind(
        "CPA-SERVICE-URI", _W, _EBMS,
        "A service without a type is a URI.",
        "Give the service a type, such as urn:osb:services.",
    ),
    Kind(
        "CPA-ACTION-TWICE", _E, _CPPA,
        "An action stands once for a role, a service and a direction.",
        "Keep one of the bindings: which of them holds cannot be told.",
    ),
    Kind(
        "CPA-COUNTERPART", _E, _CPPA,
        "What one party can send the other can receive, under the same service and action.",
        "Add the CanReceive, or mend OtherPartyActionBinding.",
    ),
    Kind(
        "CPA-BUSINESS-DIFFERS", _W, _CPPA,
        "Both parties ask for the same of an action.",
        "Make both BusinessTransactionCharacteristics alike; those of the sender hold here.",
    ),
    Kind(
        "CPA-CHANNELS-DIFFER", _W, _CPPA,
        "Both parties' channels for an action have the same MessagingCharacteristics.",
        "Make both alike; those of the sender hold here, and other products may differ.",
    ),
    Kind(
        "CPA-BINDINGS-DIFFER", _W, "ours",
        "The sender's binding says what the receiver's binding says.",
        "Make both alike: products differ in which of the two they follow.",
    ),
    Kind(
        "CPA-CHANNEL-MANY", _W, "ours",
        "An action names one channel.",
        "Keep one ChannelId: only the first is used.",
    ),
    Kind(
        "CPA-NESTED", _W, _DK,
        "Business responses have a connection of their own.",
        "Put the inner binding beside the outer one, on a channel with syncReplyMode none.",
    ),
    Kind(
        "CPA-SYNC", _W, _DK,
        "syncReplyMode is none, or mshSignalsOnly where both parties want it.",
        "Use none; business responses are never sent in the same connection here.",
    ),
    Kind(
        "CPA-PER-MESSAGE", _W, _DK,
        "Acknowledgments and duplicate elimination are asked for always or never.",
        "Choose always or never; perMessage leaves it to every message.",
    ),
    Kind(
        "CPA-ACK-MIXED", _W, _DK,
        "All actions of a CPA are acknowledged in the same way.",
        "Make a CPA for each profile.",
    ),
    Kind(
        "CPA-ACK-DUPLICATES", _W, _DK,
        "duplicateElimination is always where ackRequested is, and never where it is not.",
        "Make the two alike: a message that is sent again may come twice.",
    ),
    Kind(
        "CPA-ACK-UNSIGNED", _W, _DK,
        "Acknowledgments of signed messages are signed.",
        "Set ackSignatureRequested to always: nobody can prove an unsigned acknowledgment.",
    ),
    Kind(
        "CPA-ACK-NO-SIGNATURE", _E, _CPPA,
        "Who has to sign acknowledgments has a SenderNonRepudiation.",
        "Add it to the channel of the receiver's signals, or ask for no signed acknowledgments.",
    ),
    Kind(
        "CPA-NEXT-MSH", _W, _DK,
        "Acknowledgments are asked of the To party.",
        "Set the actor to toPartyMSH: messages for nextMSH are refused here.",
    ),
    Kind(
        "CPA-ORDER", _W, _DK,
        "Message order is not guaranteed.",
        "Set MessageOrderSemantics to NotGuaranteed: messages with an order are refused here.",
    ),
    Kind(
        "CPA-RETRIES", _W, _DK,
        "Who asks for acknowledgments says how often and when it sends again.",
        "Add Retries and RetryInterval, such as 8 and PT3H.",
    ),
    Kind(
        "CPA-PERSIST", _W, f"{_EBMS} §6.4 (inferred)",
        "PersistDuration is longer than all attempts together.",
        "Lengthen it: one who forgets a message sooner may take its last attempt as a new one.",
    ),
    Kind(
        "CPA-NO-PERSIST", _W, _DK,
        "A reliable channel has a PersistDuration.",
        "Add it; five days hold where it is missing.",
    ),
    Kind(
        "CPA-NO-SIGNATURE", _E, _CPPA,
        "Who has to sign has a SenderNonRepudiation.",
        "Add it to the sender's channel, or set isNonRepudiationRequired to false.",
    ),
    Kind(
        "CPA-NO-ENVELOPE", _E, _CPPA,
        "Who is to be encrypted to has a ReceiverDigitalEnvelope.",
        "Add it to the receiver's channel, or make isConfidential transient.",
    ),
    Kind(
        "CPA-UNSIGNED-ENVELOPE", _W, _DK,
        "What is encrypted is signed as well.",
        "Set isNonRepudiationRequired to true: all profiles with encryption sign first.",
    ),
    Kind(
        "CPA-ALGORITHM", _E, "ours",
        "Algorithms are named by URIs that are known here.",
        "Name one of Digikoppeling, such as rsa-sha256, sha256 and aes256-gcm.",
    ),
    Kind(
        "CPA-WEAK", _W, _TLS,
        "Algorithms and keys are not outdated.",
        "Agree on SHA-256, AES-GCM and RSA keys of 2048 bits or more.",
    ),
    Kind(
        "CPA-CERTIFICATE-DATES", _W, _CPPA,
        "Certificates hold as long as the CPA does.",
        "End the CPA with its first certificate, or plan its renewal.",
    ),
    Kind(
        "CPA-CERTIFICATE-ENDED", _W, _TLS,
        "Certificates hold now.",
        "Put the renewed certificate in its place, in a new CPA or with a mapping.",
    ),
    Kind(
        "CPA-CERTIFICATE-OIN", _W, _IDENTITY,
        "The OIN of a party's certificates is its PartyId.",
        "Ask whether somebody else connects or signs for the party.",
    ),
    Kind(
        "CPA-CERTIFICATE-USE", _W, _TLS,
        "A certificate may be used for what the CPA uses it for.",
        "Ask for a certificate with the key usage for it.",
    ),
    Kind(
        "CPA-TLS", _W, _TLS,
        "Both parties connect with a client certificate, over TLS 1.2 or later.",
        "Name the certificate, and TLS with its version; old versions are not spoken here.",
    ),
    Kind(
        "CPA-NO-ENDPOINT", _E, _CPPA,
        "A party that receives has an endpoint.",
        "Add a TransportReceiver with an Endpoint for all purposes.",
    ),
    Kind(
        "CPA-URL", _E, _DK,
        "Endpoints are https URLs with a host.",
        "Write https, a host and a path, or map the URL to such a one.",
    ),
    Kind(
        "CPA-PORT", _W, _DK,
        "Endpoints are on port 443.",
        "Use port 443, or make sure that firewalls let the other one pass.",
    ),
    Kind(
        "CPA-HOST", _W, _TLS,
        "The host of an endpoint is a name in its server certificate.",
        "Mend the URL, or name the certificate of that server.",
    ),
)  # fmt: skip
KINDS: Mapping[str, Kind] = MappingProxyType({kind.id: kind for kind in _ALL})
"""Every kind, by its id."""
