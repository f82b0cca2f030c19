"""What the processes on one store tell each other: which message changed, what was answered.

It goes by the store and is not kept: who did not hear it looks again, or waits in vain.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from digipoort_wus.ebms.message import MessageStatus, StatusResponse
from digipoort_wus.store.ebms_values import EbmsId

_LONGEST = 5_000
"""Characters; what we asked is shorter."""
_WORDS = 500


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to a question of ours: a Pong, a StatusResponse, or that there is none.

    Args:
        cpa_id: of the question.
        asked: its MessageId.
        response: None of a Pong.
        refused: with what the other party refuses to answer; empty: it does not.
    """

    cpa_id: str
    asked: str
    response: StatusResponse | None = None
    refused: str = ""

    def written(self) -> str | None:
        """Return this as it is told; None of what cannot be ours, because it is too long."""
        response = self.response
        told: dict[str, str | None] = {
            "cpa": self.cpa_id,
            "asked": self.asked,
            "refused": self.refused[:_WORDS],
        }
        if response is not None:
            at = response.timestamp
            told["about"] = response.ref_to_message_id
            told["status"] = response.status.value
            told["at"] = None if at is None else at.isoformat()
        text = json.dumps(told)
        return text if len(text) <= _LONGEST else None


def heard(said: str) -> EbmsId | Answered | None:
    """Return what was told: a message that may have changed, or an answer; None of anything else.

    Args:
        said: also by who is of another version.
    """
    try:
        if said.isdecimal():
            return EbmsId(int(said))
        told = json.loads(said)
        response = None
        if "status" in told:
            at = told["at"]
            response = StatusResponse(
                str(told["about"]),
                MessageStatus(told["status"]),
                None if at is None else datetime.fromisoformat(at),
            )
        return Answered(str(told["cpa"]), str(told["asked"]), response, str(told["refused"]))
    except (ValueError, KeyError, TypeError):
        return None
