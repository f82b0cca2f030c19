"""Whether a message that an application sends under a known MessageId is the one of before."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from digipoort_wus.filing.content import Content, open_content
from digipoort_wus.messaging.keeping import parts_of, posted
from digipoort_wus.messaging.sending import Letter
from digipoort_wus.store.ebms_values import EbmsContent, EbmsPart, EbmsRow

MADE = "@payload"
"""How a Content-ID ends that nobody chose."""
_PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Repeat:
    """What an application says of a message, as far as it chose it.

    Args:
        message_id: None: it is certainly a new one.
        cpa_id: of the agreement.
        about: value and type of the service, and the action.
        conversation_id: None: it left the choice to the gateway.
        ref_to_message_id: None: none.
        parts: payloads in plain; the Content-ID is empty where the gateway chose it.
    """

    message_id: str | None
    cpa_id: str
    about: tuple[str, str | None, str]
    conversation_id: str | None
    ref_to_message_id: str | None
    parts: Sequence[EbmsPart] = field(repr=False)

    def is_of(self, row: EbmsRow, content: EbmsContent) -> bool:
        """Return whether a message that is kept is this one.

        Payloads that were encrypted for their receiver can be compared by their number and
        names alone.

        Args:
            row: of the message.
            content: of it.
        """
        head = row.head
        if (
            self.cpa_id != head.key.cpa_id
            or self.about != (head.service, head.service_type, head.action)
            or self.conversation_id not in (None, head.conversation_id)
            or self.ref_to_message_id != head.ref_to_message_id
            or len(self.parts) != len(content.parts)
        ):
            return False
        plain = not posted(head).encrypted
        return all(
            _same(mine, kept, plain=plain)
            for mine, kept in zip(self.parts, content.parts, strict=True)
        )


def repeat_of(letter: Letter) -> Repeat:
    """Return what an application says of a message that it sends.

    Args:
        letter: as it would be sent; Content-IDs that were made for it end with :data:`MADE`.
    """
    parts = tuple(
        replace(part, content_id="") if part.content_id.endswith(MADE) else part
        for part in parts_of(letter.payloads)
    )
    about = (letter.service.value, letter.service.type, letter.action)
    return Repeat(
        letter.message_id,
        letter.cpa_id,
        about,
        letter.conversation_id,
        letter.ref_to_message_id,
        parts,
    )


def _same(mine: EbmsPart, kept: EbmsPart, *, plain: bool) -> bool:
    if mine.content_id not in ("", kept.content_id) or mine.name != kept.name:
        return False
    if not plain:
        return True
    return mine.media_type == kept.media_type and _digest(mine.content) == _digest(kept.content)


def _digest(content: Content) -> bytes:
    found = hashlib.sha256()
    with open_content(content) as octets:
        while piece := octets.read(_PIECE):
            found.update(piece)
    return found.digest()
