"""Findings about how one action is signed, encrypted and carried."""

from collections.abc import Iterator
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from digipoort_wus.ebms.cpa import (
    Agreement,
    Channel,
    DigitalEnvelope,
    Exchange,
    NonRepudiation,
    PartyInfo,
    Transport,
)
from digipoort_wus.ebms.cpa_finding import KINDS, Finding
from digipoort_wus.ebms.cpa_terms import answer_signature
from digipoort_wus.ebms.names import ACKNOWLEDGMENT, MESSAGE_ERROR, XMLENC, XMLENC11
from digipoort_wus.ebms.terms import Agreed
from digipoort_wus.names import (
    RSA_SHA1,
    RSA_SHA256,
    RSA_SHA384,
    RSA_SHA512,
    SHA1,
    SHA256,
    SHA384,
    SHA512,
)

# Whether each is outdated (Digikoppeling beveiliging).
_SIGNATURES = MappingProxyType(
    {**dict.fromkeys((RSA_SHA256, RSA_SHA384, RSA_SHA512), False), RSA_SHA1: True}
)
_DIGESTS = MappingProxyType({**dict.fromkeys((SHA256, SHA384, SHA512), False), SHA1: True})
_ENCRYPTION = MappingProxyType(
    {
        **{f"{XMLENC11}aes{bits}-gcm": False for bits in (128, 192, 256)},
        **{f"{XMLENC}aes{bits}-cbc": True for bits in (128, 192, 256)},
        f"{XMLENC}tripledes-cbc": True,
    }
)
_OLD_TLS = frozenset({"SSL", "SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1"})


def security_findings(
    agreement: Agreement, exchange: Exchange, channel: Channel, taken: Channel
) -> Iterator[Finding]:
    """Yield what is wrong with the signature, encryption and transport of one action.

    Args:
        agreement: that it is of.
        exchange: the action, which somebody receives.
        channel: the sender's.
        taken: the receiver's.
    """
    yield from _signed(agreement, exchange, channel, taken)
    yield from _encrypted(exchange, channel, taken)
    sender, receiver = exchange.sender, exchange.receiver
    yield from _client(sender, sender.transport_of(channel))
    yield from _server(receiver, taken, exchange.sent.action)
    for action in (ACKNOWLEDGMENT, MESSAGE_ERROR):
        yield from _server(sender, sender.signal_channel(action), action)


def _finding(kind: str, at: str, found: str) -> Finding:
    return Finding(KINDS[kind], at, found)


def _signed(
    agreement: Agreement, exchange: Exchange, channel: Channel, taken: Channel
) -> Iterator[Finding]:
    sender, receiver, messaging = exchange.sender, exchange.receiver, channel.messaging
    how = sender.sender_binding(channel).non_repudiation
    theirs = receiver.receiver_binding(taken).non_repudiation
    where = f"{sender.name} {channel.id}"
    acknowledged = messaging.ack_requested is not Agreed.NEVER
    if exchange.sent.business.non_repudiation:
        if how is None:
            told = f"{exchange.sent.action!r} is to be signed, and nothing says how"
            yield _finding("CPA-NO-SIGNATURE", where, told)
        else:
            yield from _algorithms(where, how)
        if how is not None and theirs is not None and _signing(how) != _signing(theirs):
            told = f"how to sign differs from what {receiver.name}'s {taken.id} takes"
            yield _finding("CPA-BINDINGS-DIFFER", where, told)
        if acknowledged and messaging.ack_signed is Agreed.NEVER:
            told = f"{exchange.sent.action!r} is signed, and its acknowledgment never"
            yield _finding("CPA-ACK-UNSIGNED", where, told)
    needed = messaging.ack_signed is Agreed.ALWAYS or (
        messaging.ack_signed is Agreed.PER_MESSAGE and exchange.sent.business.receipt
    )
    if acknowledged and needed and answer_signature(agreement, exchange, taken) is None:
        told = f"{receiver.name} has to sign the acknowledgment of {exchange.sent.action!r}"
        yield _finding("CPA-ACK-NO-SIGNATURE", f"{receiver.name} {taken.id}", told)


def _signing(how: NonRepudiation) -> tuple[str, str]:
    return how.digest, how.algorithms[0]


def _algorithms(where: str, how: NonRepudiation) -> Iterator[Finding]:
    for name, algorithm, known in (
        ("HashFunction", how.digest, _DIGESTS),
        ("SignatureAlgorithm", how.algorithms[0], _SIGNATURES),
    ):
        if algorithm not in known:
            yield _finding("CPA-ALGORITHM", where, f"{name} is {algorithm!r}")
        elif known[algorithm]:
            yield _finding("CPA-WEAK", where, f"{name} is {algorithm}")


def _encrypted(exchange: Exchange, channel: Channel, taken: Channel) -> Iterator[Finding]:
    if not exchange.sent.business.confidential.lasting:
        return
    sender, receiver = exchange.sender, exchange.receiver
    where = f"{receiver.name} {taken.id}"
    envelope = receiver.receiver_binding(taken).envelope
    if envelope is None:
        told = f"{exchange.sent.action!r} is to be encrypted, and nothing says how"
        yield _finding("CPA-NO-ENVELOPE", where, told)
        return
    algorithm = envelope.algorithms[0]
    if algorithm not in _ENCRYPTION:
        yield _finding("CPA-ALGORITHM", where, f"EncryptionAlgorithm is {algorithm!r}")
    elif _ENCRYPTION[algorithm]:
        yield _finding("CPA-WEAK", where, f"EncryptionAlgorithm is {algorithm}")
    ours = sender.sender_binding(channel).envelope
    if ours is not None and _first(ours) != algorithm:
        told = f"EncryptionAlgorithm differs from that of {receiver.name}'s {taken.id}"
        yield _finding("CPA-BINDINGS-DIFFER", f"{sender.name} {channel.id}", told)
    if not exchange.sent.business.non_repudiation:
        told = f"{exchange.sent.action!r} is encrypted, and not signed"
        yield _finding("CPA-UNSIGNED-ENVELOPE", where, told)


def _first(envelope: DigitalEnvelope) -> str:
    return envelope.algorithms[0]


def _client(party: PartyInfo, transport: Transport) -> Iterator[Finding]:
    where = f"{party.name} {transport.id}"
    if transport.client_certificate is None:
        yield _finding("CPA-TLS", where, "it names no client certificate")
    old = [each for each in transport.protocols if each in _OLD_TLS]
    if old:
        yield _finding("CPA-TLS", where, f"it names {old[0]}")


def _server(party: PartyInfo, channel: Channel, action: str) -> Iterator[Finding]:
    transport = party.transport_of(channel)
    where = f"{party.name} {transport.id}"
    endpoint = party.endpoint(channel, action)
    if endpoint is None:
        yield _finding("CPA-NO-ENDPOINT", where, f"it takes no {action!r}")
        return
    if transport.server_certificate is None:
        yield _finding("CPA-TLS", where, "it names no server certificate")
    try:
        parts = urlsplit(endpoint.url)
        port = parts.port
    except ValueError:
        yield _finding("CPA-URL", where, f"{endpoint.url!r} is no URL")
        return
    if not _is_https(parts):
        yield _finding("CPA-URL", where, f"{endpoint.url!r} is not an https URL with a host alone")
    elif port not in (None, 443):
        yield _finding("CPA-PORT", where, f"{endpoint.url} is on port {port}")


def _is_https(parts: SplitResult) -> bool:
    plain = parts.username is None and not parts.fragment
    return parts.scheme == "https" and bool(parts.hostname) and plain
