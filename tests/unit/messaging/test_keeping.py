"""What stands in the store of a message that goes out gives the same octets and schedule again."""

from datetime import UTC, datetime, timedelta

import pytest

from digipoort_wus.ebms.message import DigestReference, PartyId
from digipoort_wus.ebms.quirks import SignalPackage, TransferEncoding
from digipoort_wus.ebms.reliability import Way
from digipoort_wus.ebms.schedule import Schedule
from digipoort_wus.messaging.keeping import Posted, posted, spelled
from tests.unit.store.ebms_samples import head

UNIQUE = "5ef1c7c2-5ac5-4f7c-8f9d-0a7d9a2c7b11"
ENDS = datetime(2026, 3, 1, 12, 30, 0, 999_000, tzinfo=UTC)


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("ends", [None, ENDS])
@pytest.mark.parametrize(
    "references", [None, (), (DigestReference("cid:a", "urn:x", b"\x00\xff"),)]
)
def test_what_is_written_is_read(
    way: Way, ends: datetime | None, references: tuple[DigestReference, ...] | None
) -> None:
    how = Posted(
        way,
        Schedule(3, timedelta(minutes=5, milliseconds=1), ends),
        UNIQUE,
        TransferEncoding.BASE64,
        SignalPackage.MULTIPART,
        references,
        encrypted=way is Way.RELIABLE,
    )
    kept = head()
    kept = type(kept)(
        **{name: getattr(kept, name) for name in kept.__slots__ if name != "packaging"},
        packaging=how.written(),
    )
    assert posted(kept) == how


def test_a_party_is_spelled_by_its_first_id() -> None:
    ids = (PartyId("1", "urn:osb:oin"), PartyId("2", "urn:x"))
    assert spelled(ids) == "urn:osb:oin:1"
    assert spelled((PartyId("urn:someone"),)) == "urn:someone"
