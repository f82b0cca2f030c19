"""What the MAC of a row of ebMS is over; see :mod:`digipoort_wus.store.binding`.

Who can write to the database and has no key of the ring can neither exchange what a message says
nor whom an agreement trusts. States and times of what became of a message are not under it.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from digipoort_wus.clock import format_utc
from digipoort_wus.store.ebms_values import CpaRow, EbmsHead, EbmsPart

ANSWER = b"ebms answer"
"""Label of the signal that is kept with a message."""
AGREEMENT = b"ebms cpa"
"""Label of the document of an agreement."""


def message_head(
    head: EbmsHead, copy: int, parts: Sequence[EbmsPart], *, has_envelope: bool
) -> bytes:
    """Return what the row of a message and those of its parts say; contents are not read."""
    key = head.key
    return b"ebms message" + _spelled(
        [
            *(key.direction.value, key.cpa_id, key.sender, key.message_id, copy),
            *(head.receiver, head.conversation_id, head.ref_to_message_id),
            *(head.service, head.service_type, head.action),
            *(format_utc(head.timestamp), _moment(head.time_to_live)),
            *(format_utc(head.at), format_utc(head.persist_until)),
            *(head.digest.hex(), head.content_type, head.packaging, has_envelope),
            [[part.content_id, part.media_type, part.name] for part in parts],
        ]
    )


def cpa_head(row: CpaRow) -> bytes:
    """Return what the row of an agreement says, but its document and until when it was current."""
    return b"ebms cpa" + _spelled(
        [
            *(row.cpa_id, format_utc(row.added_at), sorted(row.urls.items())),
            sorted((name, der.hex()) for name, der in row.certificates.items()),
            sorted(row.quirks.items()),
        ]
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else format_utc(moment)


def _spelled(values: Sequence[object]) -> bytes:
    return json.dumps(values).encode("ascii")
