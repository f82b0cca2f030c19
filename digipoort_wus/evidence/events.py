"""What can happen to a filing, as evidence keeps it: one class per kind of entry.

A field is a plain text only where it never is personal data. What a sender or an operator
wrote is :class:`Blinded`, and then nothing else fits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from digipoort_wus.evidence.blinded import Blinded, Digest
from digipoort_wus.evidence.canonical import Json, canonical_text, quoted

TEXT_MAX = 256
"""Characters of a plain text: a name, a code, an identifier of ours."""


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery was accepted and got its kenmerk.

    Args:
        berichtsoort: as it was filed.
        sender: OIN of the signer.
        policy: name of the security policy that it met.
        message_id: ``message_id``, the wsa:MessageID.
        body: ``body``, the canonical signed Body.
        request: ``request``, the signed envelope as it can be shown again: where it came in a
            package, with the parts put back that its digests are over.
        contents: each ``content``, decoded, the attachments behind the document.
        signature: of the SignatureValue, decoded; None where nobody signed.
        algorithm: URI of the signature algorithm.
        certificates: the signer's certificate and its issuers, DER, the root last.
        crls: those that were used, DER.
        tls_oin: OIN of the TLS peer.
        head: ``head``, what the store keeps of it in its row: whose it is, and for whom.
    """

    berichtsoort: str
    sender: str
    policy: str
    message_id: Blinded
    body: Blinded
    request: Blinded
    contents: tuple[Blinded, ...]
    signature: Digest | None = None
    algorithm: str | None = None
    certificates: tuple[Digest, ...] = ()
    crls: tuple[Digest, ...] = ()
    tls_oin: str | None = None
    head: Blinded | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The confirmation was signed; ``answer`` is over its octets, as they are sent.

    There is one more when it is signed anew for a repeat; the last one is what is kept.
    """

    answer: Blinded


@dataclass(frozen=True, slots=True)
class StatusReached:
    """A status was written.

    Args:
        code: three digits.
        status: ``status``, over the whole status as :func:`status_octets` spells it.
        error: ``statusFoutcode``.
    """

    code: str
    status: Blinded
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The agency took the filing.

    Args:
        agency: name of the destination in the configuration, or its OIN.
        message_id: ours, the same at every attempt.
        attempt: from 1.
        receipt: of the SignatureValue or the octets of what the agency answered.
        acknowledgment: of the octets of its acknowledgment, over ebMS.
    """

    agency: str
    message_id: str
    attempt: int
    receipt: Digest | None = None
    acknowledgment: Digest | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """The agency told what it made of the filing.

    Args:
        agency: its OIN.
        message_id: ``message_id``, the wsa:MessageID.
        code: three digits.
        report: ``report``, the SHA-256 of the canonical element in the Body that it signed.
        judged_at: when it judged, as it says; our time is that of the entry.
        request: ``request``, the signed envelope as it can be shown again.
        signature: of the SignatureValue, decoded.
        algorithm: URI of the signature algorithm.
        certificates: the agency's certificate and its issuers, DER, the root last.
        crls: those that were used, DER.
    """

    agency: str
    message_id: Blinded
    code: str
    report: Blinded
    judged_at: str | None = None
    request: Blinded | None = None
    signature: Digest | None = None
    algorithm: str | None = None
    certificates: tuple[Digest, ...] | None = None
    crls: tuple[Digest, ...] | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """A return message was put into the mailbox; each of ``contents`` is a ``content``.

    ``head`` is over what the store keeps of it in its row. What an agency signed has the rest, as
    of :class:`Reported`.
    """

    agency: str
    berichtsoort: str
    contents: tuple[Blinded, ...]
    message_id: Blinded | None = None
    request: Blinded | None = None
    signature: Digest | None = None
    algorithm: str | None = None
    certificates: tuple[Digest, ...] | None = None
    crls: tuple[Digest, ...] | None = None
    head: Blinded | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A return message was handed out to an OIN."""

    oin: str


@dataclass(frozen=True, slots=True)
class Resent:
    """An operator offered a filing again; ``operator`` and ``reason`` are over their texts."""

    operator: Blinded
    reason: Blinded


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An operator ended a filing."""

    operator: Blinded
    reason: Blinded


@dataclass(frozen=True, slots=True)
class Shown:
    """An operator took the contents out of the store."""

    operator: Blinded
    reason: Blinded


@dataclass(frozen=True, slots=True)
class Held:
    """A legal hold: nothing is purged until :class:`Released`."""

    operator: Blinded
    reason: Blinded


@dataclass(frozen=True, slots=True)
class Released:
    """The legal hold ended."""

    operator: Blinded
    reason: Blinded


@dataclass(frozen=True, slots=True)
class Purged:
    """The secret was destroyed, and with it what every ``hmac-sha256`` was over.

    Args:
        rule: why now: name of the retention rule; never personal data.
        payloads: how many are gone.
    """

    rule: str
    payloads: int


Event = (
    Received
    | Answered
    | StatusReached
    | Delivered
    | Reported
    | Offered
    | Fetched
    | Resent
    | Cancelled
    | Shown
    | Held
    | Released
    | Purged
)

KINDS: Mapping[type[Event], str] = MappingProxyType(
    {
        Received: "received",
        Answered: "answered",
        StatusReached: "status",
        Delivered: "delivered",
        Reported: "reported",
        Offered: "offered",
        Fetched: "fetched",
        Resent: "resent",
        Cancelled: "cancelled",
        Shown: "shown",
        Held: "held",
        Released: "released",
        Purged: "purged",
    }
)
"""The word in an entry for each of them."""


_NAMES: Mapping[type[Event], tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        kind: tuple((name, f'"{name}":') for name in sorted(field.name for field in fields(kind)))
        for kind in KINDS
    }
)
"""Members in their order, each with how it begins."""


def facts_of(event: Event) -> Mapping[str, Json]:
    """Return what an entry says of an event; what is None is left out.

    Raises:
        ValueError: a plain text is too long to be a name, a code or an identifier.
    """
    told = {field.name: _told(getattr(event, field.name)) for field in fields(event)}
    return MappingProxyType({name: value for name, value in told.items() if value is not None})


def facts_text(event: Event) -> str:
    """Return the canonical spelling of :func:`facts_of`, at once: this is done for every entry.

    Raises:
        ValueError: as :func:`facts_of`, or a text is no Unicode.
    """
    members: list[str] = []
    for name, begin in _NAMES[type(event)]:
        value = getattr(event, name)
        if value is None:
            continue
        # By the type itself, the most frequent ones first.
        kind = type(value)
        if kind is Blinded:
            members.append(f'{begin}"hmac-sha256:{value.mac.hex()}"')
        elif kind is str and len(value) <= TEXT_MAX:
            members.append(begin + quoted(value))
        else:
            members.append(begin + canonical_text(_told(value)))
    return f"{{{','.join(members)}}}"


def _told(value: object) -> Json | None:
    match value:
        case None | int():
            return value
        case str():
            if len(value) > TEXT_MAX:
                raise ValueError(f"a text of more than {TEXT_MAX} characters")
            return value
        case Blinded() | Digest():
            return str(value)
        case tuple():
            return tuple(str(inner) for inner in value)
        case _:
            raise ValueError(f"{type(value).__name__} has no place in evidence")
