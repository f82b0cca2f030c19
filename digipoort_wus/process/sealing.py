"""Seals entries of evidence in batches; stamps come behind, in :mod:`~.stamping`."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from digipoort_wus._crash import crash_point
from digipoort_wus.evidence.batch import Batch, seal, sign_batch
from digipoort_wus.evidence.findings import Disproved
from digipoort_wus.pki.identity import Identity
from digipoort_wus.store.ports import BatchRow, Reader, Store, Transaction

_log = logging.getLogger(__name__)
BATCH_MAX = 1_000
"""Entries in one batch; so many are sealed at once."""
SEALED_WITHIN = timedelta(seconds=60)
"""An entry that is so old is sealed, in however small a batch."""


def seal_due(
    store: Store,
    signer: Identity,
    now: datetime,
    *,
    within: timedelta = SEALED_WITHIN,
    told: Callable[[BatchRow], object] = lambda _: None,
) -> datetime:
    """Seal what is due, and return when to look again.

    Due are as many entries as fill a batch, and any that is so old as ``within``.

    Args:
        store: takes the batches.
        signer: signs them.
        now: moment of sealing.
        within: an entry that is so old is sealed, in however small a batch.
        told: is told of each batch.

    Where the certificate is not valid at that moment nothing is sealed, for nobody would believe
    it: the log says so, and the age of the oldest entry that waits grows.

    Raises:
        StoreFailed: the store takes no writes; nothing of the last batch was kept.
    """
    while True:
        oldest = store.read(lambda reader: reader.unsealed(BATCH_MAX))
        if not oldest:
            return now + within
        is_old = not now - within < oldest[0].at <= now + within
        if len(oldest) < BATCH_MAX and not is_old:
            return oldest[0].at + within
        try:
            batch = seal_batch(store, signer, now)
        except Disproved as error:
            _log.error("nothing is sealed: %s", error, extra={"event": "seal-failed"})
            return now + within
        if batch is not None:
            told(batch)


def seal_batch(store: Store, signer: Identity, now: datetime) -> BatchRow | None:
    """Seal the oldest entries that are in no batch; None when there are none.

    Args:
        store: takes the batch; a worker beside this one may take it first.
        signer: signs it.
        now: moment of sealing.

    Raises:
        StoreFailed: the store takes no writes.
        Disproved: BATCH_SIGNER; at that moment the certificate is not valid.
    """
    sealed = store.write(partial(_seal, signer=signer, now=now)).result()
    if sealed is not None:
        crash_point("evidence.after_seal")
    return sealed


def _seal(transaction: Transaction, signer: Identity, now: datetime) -> BatchRow | None:
    # In the transaction, so that who collides with another begins anew behind his batch.
    rows = transaction.unsealed(BATCH_MAX)
    if not rows:
        return None
    batch = seal(
        _last_batch(transaction),
        [row.hash for row in rows],
        at=now,
        signer=signer.certificate,
    )
    made = BatchRow(
        number=batch.number,
        sealed_at=batch.sealed_at,
        leaves=batch.leaves,
        root=batch.root,
        previous=batch.previous,
        signature=sign_batch(batch, signer.private_key),
        signer_sha256=batch.signer,
    )
    transaction.add_batch(made, rows)
    crash_point("evidence.before_seal")
    return made


def _last_batch(reader: Reader) -> Batch | None:
    row = reader.last_batch()
    return None if row is None else batch_of(row)


def batch_of(row: BatchRow) -> Batch:
    """Return what was signed of a stored batch."""
    return Batch(
        number=row.number,
        sealed_at=row.sealed_at,
        leaves=row.leaves,
        root=row.root,
        previous=row.previous,
        signer=row.signer_sha256,
    )
