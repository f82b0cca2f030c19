"""What an agreement says, and how two differ, in words for people."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain

from cryptography import x509

from digipoort_wus.ebms.cpa import Agreement, Exchange, PartyInfo, exchanges
from digipoort_wus.ebms.cpa_certificates import uses_of
from digipoort_wus.ebms.cpa_duration import format_duration
from digipoort_wus.ebms.cpa_plan import profile_of
from digipoort_wus.ebms.cpa_terms import terms_of
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.errors import ConfigurationError

NOTHING = "-"


def day(moment: datetime) -> str:
    """Return a moment as people read it, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M}Z"


def words_of(terms: Terms) -> Mapping[str, str]:
    """Return what was agreed for one message: a few words for each property, in their order."""
    reliability, signature, encryption = terms.reliability, terms.signature, terms.encryption
    answer = terms.answer_signature
    return {
        "profile": profile_of(terms) or "none of Digikoppeling",
        "acknowledged": terms.ack_requested.value,
        "acknowledgment signed": terms.ack_signed.value,
        "once only": terms.duplicate_elimination.value,
        "in the HTTP answer": terms.sync_reply.value,
        "retries": NOTHING
        if reliability is None
        else f"{reliability.retries} every {format_duration(reliability.interval)}",
        "kept": NOTHING if terms.persist is None else format_duration(terms.persist),
        "order": "guaranteed" if terms.ordered else "not guaranteed",
        "signed": NOTHING
        if signature is None
        else f"{_short(signature.algorithm)} over {_short(signature.digest)}",
        "answer signed": NOTHING
        if answer is None
        else f"{_short(answer.algorithm)} over {_short(answer.digest)}",
        "encrypted": NOTHING if encryption is None else _short(encryption.algorithm),
        "to": terms.url,
        "answer to": terms.answer_url,
    }


def words_for(agreement: Agreement, exchange: Exchange) -> Mapping[str, str]:
    """Return the words for one action; one property that says why it cannot go, if it cannot."""
    try:
        return words_of(terms_of(agreement, exchange))
    except ConfigurationError as error:
        return {"cannot go": str(error)}


def certificates_of(agreement: Agreement, party: PartyInfo) -> Mapping[str, str]:
    """Return what each certificate of a party is for, and its fingerprint and dates."""
    found: dict[str, list[str]] = {}
    for cert_id, role in dict.fromkeys(uses_of(party)):
        told = _certificate(agreement.certificate(cert_id).leaf)
        if told not in found.setdefault(role.value, []):
            found[role.value].append(told)
    return {use: "; ".join(told) for use, told in found.items()}


def differences(old: Agreement, new: Agreement) -> tuple[str, ...]:
    """Return how an agreement differs from an older one, a sentence each; none when in nothing.

    What the parties do counts, and not how the document is divided: ids of channels and the
    order of elements are no difference.
    """
    return tuple(chain(_document(old, new), _parties(old, new), _actions(old, new)))


def _document(old: Agreement, new: Agreement) -> Iterator[str]:
    for name, before, after in (
        ("CPAId", old.cpa_id, new.cpa_id),
        ("version", old.version, new.version),
        ("status", old.status.value, new.status.value),
        ("start", day(old.start), day(new.start)),
        ("end", day(old.end), day(new.end)),
    ):
        if before != after:
            yield _changed(name, before, after)


def _parties(old: Agreement, new: Agreement) -> Iterator[str]:
    for before, after in _pairs(old, new):
        name = after.name
        if before.name != after.name:
            yield _changed("name of a party", before.name, after.name)
        ids = tuple(" ".join(f"{one.type}:{one.value}" for one in p.ids) for p in (before, after))
        if ids[0] != ids[1]:
            yield f"{name}: {_changed('ids', *ids)}"
        was, now = certificates_of(old, before), certificates_of(new, after)
        for use in dict.fromkeys((*was, *now)):
            if was.get(use) != now.get(use):
                told = _changed(f"certificate for {use}", was.get(use), now.get(use))
                yield f"{name}: {told}"


def _actions(old: Agreement, new: Agreement) -> Iterator[str]:
    same = {after.name: before.name for before, after in _pairs(old, new)}
    was = {_key(each, {}): words_for(old, each) for each in exchanges(old)}
    now = {_key(each, same): words_for(new, each) for each in exchanges(new)}
    shown = {_key(each, same): each.sender.name for each in exchanges(new)}
    for key in (key for key in was if key not in now):
        yield f"{key[0]} may no longer send {_action(key)}"
    for key in (key for key in now if key not in was):
        yield f"{shown[key]} may now send {_action(key)}"
    changes: dict[str, list[str]] = {}
    for key in (key for key in now if key in was):
        for name in dict.fromkeys((*was[key], *now[key])):
            before, after = was[key].get(name), now[key].get(name)
            if before != after:
                who = f"{shown[key]} sends {key[-1]!r}"
                changes.setdefault(_changed(name, before, after), []).append(who)
    for change, whose in changes.items():
        yield f"{', '.join(whose)}: {change}"


def _pairs(old: Agreement, new: Agreement) -> Iterator[tuple[PartyInfo, PartyInfo]]:
    """Yield each party with what it was: by its ids, or else by its place."""
    first, second = old.parties
    crossed = {each.value for each in first.ids} & {each.value for each in new.parties[1].ids}
    yield (second if crossed else first), new.parties[0]
    yield (first if crossed else second), new.parties[1]


def _key(exchange: Exchange, names: Mapping[str, str]) -> tuple[str, str, str, str]:
    sender, service = exchange.sender.name, exchange.service
    named = f"{service.type}:{service.value}" if service.type else service.value
    return names.get(sender, sender), exchange.role, named, exchange.sent.action


def _action(key: tuple[str, str, str, str]) -> str:
    return f"{key[3]!r} of {key[2]} in the role {key[1]}"


def _changed(name: str, before: str | None, after: str | None) -> str:
    return f"{name}: was {before or NOTHING}, is {after or NOTHING}"


def _certificate(der: bytes) -> str:
    found = x509.load_der_x509_certificate(der)
    begin, end = found.not_valid_before_utc, found.not_valid_after_utc
    return f"{hashlib.sha256(der).hexdigest()[:16]}, {begin:%Y-%m-%d} to {end:%Y-%m-%d}"


def _short(uri: str) -> str:
    return uri.rpartition("#")[2] or uri
