"""What is wrong with an agreement that can be read: errors and warnings.

The agreement is judged as it is used here: after URLs and certificates were mapped.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from digipoort_wus.ebms.cpa import (
    Agreement,
    Channel,
    Exchange,
    PartyInfo,
    Status,
    exchanges,
)
from digipoort_wus.ebms.cpa_certificates import certificate_findings
from digipoort_wus.ebms.cpa_duration import format_duration
from digipoort_wus.ebms.cpa_finding import KINDS, Finding, Weight
from digipoort_wus.ebms.cpa_security import security_findings
from digipoort_wus.ebms.names import ACTOR_NEXT_MSH, OIN_TYPE
from digipoort_wus.ebms.terms import Agreed, SyncReply
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.oin import parse_oin

_TEN_YEARS = timedelta(days=3653)
_PLAIN_ID = re.compile(r"[A-Za-z0-9._\-]{1,200}", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+", re.ASCII)


def findings(agreement: Agreement, *, at: datetime) -> tuple[Finding, ...]:
    """Return everything that is wrong with an agreement, errors first; each thing once.

    Args:
        agreement: as it was read, with what is mapped in its place.
        at: the moment that it is to be used.
    """
    found = dict.fromkeys(_all(agreement, at))
    return tuple(sorted(found, key=lambda each: each.kind.weight is not Weight.ERROR))


def require_usable(agreement: Agreement, *, at: datetime) -> None:
    """Return when an agreement has no errors, other than that its time is over.

    That its time is over is for each message: who restarts a gateway then still answers.

    Raises:
        ConfigurationError: it has one; the first is told.
    """
    wrong = [each for each in findings(agreement, at=at) if each.kind.weight is Weight.ERROR]
    wrong = [each for each in wrong if each.kind.id != "CPA-ENDED"]
    if wrong:
        more = f" ({len(wrong) - 1} more errors)" if len(wrong) > 1 else ""
        raise ConfigurationError(f"CPA {agreement.cpa_id} cannot be used: {wrong[0]}{more}")


def _all(agreement: Agreement, at: datetime) -> Iterator[Finding]:
    yield from _document(agreement, at)
    for party in agreement.parties:
        yield from _party(party)
        yield from _actions_twice(party)
    pairs = list(exchanges(agreement))
    yield from _unsent(agreement, pairs)
    for exchange in pairs:
        yield from _exchange(agreement, exchange)
    yield from _mixed(pairs)
    yield from certificate_findings(agreement, at)


def _finding(kind: str, at: str, found: str) -> Finding:
    return Finding(KINDS[kind], at, found)


def _document(agreement: Agreement, at: datetime) -> Iterator[Finding]:
    where = "CPA"
    start, end = agreement.start, agreement.end
    if agreement.status is Status.PROPOSED:
        yield _finding("CPA-STATUS", where, "it is only proposed")
    if start >= end:
        yield _finding("CPA-PERIOD", where, f"it starts at {_day(start)}, and ends at {_day(end)}")
    elif at >= end:
        yield _finding("CPA-ENDED", where, f"it ended at {_day(end)}")
    elif at < start:
        yield _finding("CPA-NOT-STARTED", where, f"it starts at {_day(start)}")
    if end - start > _TEN_YEARS:
        yield _finding("CPA-LONG", where, f"it ends at {_day(end)}, {(end - start).days} days on")
    if _PLAIN_ID.fullmatch(agreement.cpa_id) is None:
        yield _finding("CPA-ID", where, "its CPAId holds other characters, or is longer than 200")
    if agreement.signed:
        yield _finding("CPA-SIGNATURE", where, "it holds a signature")
    elif agreement.status is Status.SIGNED:
        yield _finding("CPA-SIGNATURE", where, "its status is signed, and it holds no signature")
    first, second = agreement.parties
    if set(first.ids) & set(second.ids):
        yield _finding("CPA-SAME-PARTY", where, f"{first.name} and {second.name} share an id")


def _party(party: PartyInfo) -> Iterator[Finding]:
    for each in party.ids:
        if each.type != OIN_TYPE:
            told = f"{each.value!r} has " + (f"the type {each.type}" if each.type else "no type")
            yield _finding("CPA-PARTY-TYPE", party.name, told)
        else:
            yield from _oin(party, each.value)
    for role in party.roles:
        if role.service.type is None and _URI.fullmatch(role.service.value) is None:
            yield _finding("CPA-SERVICE-URI", party.name, f"{role.service.value!r} is none")
        names = [role.service.value]
        names += [each.action for each in (*role.can_send, *role.can_receive)]
        for name in dict.fromkeys(names):
            if any(char.isspace() for char in name):
                yield _finding("CPA-NAME-SPACE", party.name, f"{name!r} has one")


def _oin(party: PartyInfo, value: str) -> Iterator[Finding]:
    number, _, suffix = value.partition("_")
    try:
        parse_oin(number)
    except ValueError:
        yield _finding("CPA-PARTY-OIN", party.name, f"{value!r} is no OIN")
        return
    if value != number and suffix not in ("O", "T", "A", "OTA"):
        yield _finding("CPA-PARTY-SUFFIX", party.name, f"{value!r} has an unknown suffix")


def _actions_twice(party: PartyInfo) -> Iterator[Finding]:
    counted = Counter(
        (role.role, role.service, direction, binding.action)
        for role in party.roles
        for direction, bindings in (("send", role.can_send), ("receive", role.can_receive))
        for binding in bindings
    )
    for (role, service, direction, action), number in counted.items():
        if number > 1:
            told = f"{role} can {direction} {action!r} of {service.value!r} {number} times"
            yield _finding("CPA-ACTION-TWICE", party.name, told)


def _unsent(agreement: Agreement, pairs: list[Exchange]) -> Iterator[Finding]:
    """Yield what one party can receive and the other cannot send."""
    answered = {each.received.id for each in pairs if each.received is not None}
    for party in agreement.parties:
        for role in party.roles:
            for binding in role.can_receive:
                if binding.id not in answered:
                    told = f"nobody can send the {binding.action!r} that it can receive"
                    yield _finding("CPA-COUNTERPART", f"{party.name} {binding.id}", told)


def _exchange(agreement: Agreement, exchange: Exchange) -> Iterator[Finding]:
    sender, receiver, sent = exchange.sender, exchange.receiver, exchange.sent
    where = f"{sender.name} {sent.id}"
    if exchange.received is None:
        told = f"{receiver.name} cannot receive {sent.action!r}"
        yield _finding("CPA-COUNTERPART", where, told)
        return
    channel, taken = sender.channel_of(sent), receiver.channel_of(exchange.received)
    for binding, party in ((sent, sender), (exchange.received, receiver)):
        if len(binding.channels) > 1:
            told = f"it names {len(binding.channels)} channels"
            yield _finding("CPA-CHANNEL-MANY", f"{party.name} {binding.id}", told)
        if binding.nested:
            told = "it stands in a binding of the other direction"
            yield _finding("CPA-NESTED", f"{party.name} {binding.id}", told)
    if sent.business != exchange.received.business:
        told = f"{receiver.name} asks for something else in {exchange.received.id}"
        yield _finding("CPA-BUSINESS-DIFFERS", where, told)
    if channel.messaging != taken.messaging:
        told = f"{receiver.name}'s channel {taken.id} is another"
        yield _finding("CPA-CHANNELS-DIFFER", f"{sender.name} {channel.id}", told)
    yield from _messaging(sender, channel)
    if channel.messaging.ack_requested is not Agreed.NEVER:
        yield from _reliability(exchange, channel, taken)
    yield from security_findings(agreement, exchange, channel, taken)


def _messaging(sender: PartyInfo, channel: Channel) -> Iterator[Finding]:
    found, where = channel.messaging, f"{sender.name} {channel.id}"
    if found.sync_reply not in (SyncReply.NONE, SyncReply.SIGNALS):
        yield _finding("CPA-SYNC", where, f"syncReplyMode is {found.sync_reply}")
    asked, eliminated = found.ack_requested, found.duplicate_elimination
    for name, value in (("ackRequested", asked), ("duplicateElimination", eliminated)):
        if value is Agreed.PER_MESSAGE:
            yield _finding("CPA-PER-MESSAGE", where, f"{name} is perMessage")
    if Agreed.PER_MESSAGE not in (asked, eliminated) and asked is not eliminated:
        told = f"ackRequested is {asked}, duplicateElimination {eliminated}"
        yield _finding("CPA-ACK-DUPLICATES", where, told)
    if found.actor == ACTOR_NEXT_MSH and asked is not Agreed.NEVER:
        yield _finding("CPA-NEXT-MSH", where, "the actor is nextMSH")
    if sender.sender_binding(channel).ordered:
        yield _finding("CPA-ORDER", where, "MessageOrderSemantics is Guaranteed")


def _reliability(exchange: Exchange, channel: Channel, taken: Channel) -> Iterator[Finding]:
    sender, receiver = exchange.sender, exchange.receiver
    where = f"{sender.name} {channel.id}"
    binding, theirs = sender.sender_binding(channel), receiver.receiver_binding(taken)
    if binding.retries is None or binding.interval is None:
        yield _finding("CPA-RETRIES", where, "Retries or RetryInterval is missing")
    for party, each, persist in (
        (sender, channel, binding.persist),
        (receiver, taken, theirs.persist),
    ):
        at = f"{party.name} {each.id}"
        if persist is None:
            yield _finding("CPA-NO-PERSIST", at, "PersistDuration is missing")
        elif binding.retries is not None and binding.interval is not None:
            needed = (binding.retries + 1) * binding.interval
            if persist <= needed:
                told = f"PersistDuration is {format_duration(persist)}, and all attempts take "
                yield _finding("CPA-PERSIST", at, told + format_duration(needed))
    if not theirs.reliable:
        return
    for name, ours, other in (
        ("Retries", binding.retries, theirs.retries),
        ("RetryInterval", binding.interval, theirs.interval),
        ("PersistDuration", binding.persist, theirs.persist),
        ("MessageOrderSemantics", binding.ordered, theirs.ordered),
    ):
        if ours != other:
            told = f"{name} differs from that of {receiver.name}'s {taken.id}"
            yield _finding("CPA-BINDINGS-DIFFER", where, told)


def _mixed(pairs: list[Exchange]) -> Iterator[Finding]:
    found = {each.sender.channel_of(each.sent).messaging for each in pairs}
    for name in ("ack_requested", "ack_signed", "sync_reply"):
        values = sorted({str(getattr(each, name)) for each in found})
        if len(values) > 1:
            told = f"{name.replace('_', ' ')} is {', '.join(values)}"
            yield _finding("CPA-ACK-MIXED", "CPA", told)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
