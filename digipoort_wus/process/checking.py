"""Whether what a store holds is what was stored: payloads, keys and evidence."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from digipoort_wus.evidence.verify import Report, Trust, verify_history
from digipoort_wus.process import proving
from digipoort_wus.store.looking import Read
from digipoort_wus.store.outside import LargePayloads
from digipoort_wus.store.ports import PayloadDamaged, Reader, Store, StoredPayload, Transaction
from digipoort_wus.store.secrets import KeyRing, RingId, WrappedSecret, rewrap
from digipoort_wus.store.values import OUTSIDE

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Payloads:
    """What was found of payloads.

    Args:
        seen: how many were looked at; those of a purge are not.
        problems: one sentence for each that is not what was stored.
    """

    seen: int
    problems: tuple[str, ...]


def check_payloads(
    read: Read, outside: Mapping[str, LargePayloads], told: Callable[[int], None]
) -> Payloads:
    """Compare every payload with its hash, in its row or outside of it; needs no key.

    Args:
        read: of the store; each page is a transaction of its own.
        outside: what keeps large payloads, by their place.
        told: is called with how many have been looked at, now and then.

    Raises:
        PayloadsUnreachable: the object store does not answer.
    """
    seen, problems, after = 0, list[str](), 0
    while found := read(partial(_page, after=after)):
        after = found[-1][0]
        for number, payload in found:
            if payload.place == "gone":
                continue
            seen += 1
            try:
                _check(outside, payload)
            except PayloadDamaged as error:
                problems.append(f"payload {number}: {error}")
        told(seen)
    return Payloads(seen, tuple(problems))


def verify_store(reader: Reader, trust: Trust, now: datetime, kenmerk: str | None = None) -> Report:
    """Verify every batch, and every chain or that of one kenmerk, with what is kept beside them.

    Args:
        reader: of the store, one state of it.
        trust: whom to believe.
        now: moment by which a stamp may be overdue.
        kenmerk: whose chain; None: all.
    """
    named = proving.kenmerken(reader) if kenmerk is None else iter((kenmerk,))
    chains = (proving.chain_of(reader, one) for one in named)
    return verify_history(proving.sealed_batches(reader), chains, trust, now)


def rewrap_all(store: Store, ring: KeyRing, told: Callable[[int], None]) -> int:
    """Wrap every secret with the current key of the ring, and return how many changed.

    May be interrupted and repeated: each secret is wrapped by one key or the other.

    Args:
        store: whose secrets.
        ring: has the old keys and the new one.
        told: is called with how many have been wrapped, now and then.

    Raises:
        SecretUnreadable: the ring lacks a key, or a row was damaged.
        StoreFailed: the store takes no writes.
    """
    changed = 0
    while True:
        # From the start each time: a gateway on another machine may still use the old key.
        rows = store.read(lambda reader: reader.secrets_outside(ring.current, 0, _AT_ONCE))
        if not rows:
            return changed
        before = {number: wrapped for number, _, wrapped in rows}
        renewed = list(
            rewrap(ring, ((number, WrappedSecret(RingId(old), w)) for number, old, w in rows))
        )

        def work(
            transaction: Transaction,
            renewed: list[tuple[int, WrappedSecret]] = renewed,
            before: dict[int, bytes] = before,
        ) -> int:
            return sum(
                transaction.rewrap(number, before[number], secret.ring, secret.wrapped)
                for number, secret in renewed
                if secret.wrapped is not None
            )

        changed += store.write(work).result()
        told(changed)


def _page(reader: Reader, after: int) -> Sequence[tuple[int, StoredPayload]]:
    return reader.payloads(after, _AT_ONCE)


def _check(outside: Mapping[str, LargePayloads], payload: StoredPayload) -> None:
    if payload.place in OUTSIDE:
        if payload.place not in outside:
            raise PayloadDamaged(f"the configuration does not say where its {payload.place} is")
        outside[payload.place].check(payload.sha256)
    elif payload.content is not None and (
        hashlib.sha256(payload.content).digest() != payload.sha256
    ):
        raise PayloadDamaged("it is not what was stored: restore it")
    elif payload.place == "row" and payload.content is None:
        raise PayloadDamaged("it is missing: restore it")
