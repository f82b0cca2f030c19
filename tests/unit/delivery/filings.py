"""Filings to deliver."""

from datetime import UTC, datetime
from typing import Any

from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party

DOCUMENT = b"<xbrl>een aangifte</xbrl>"
RECEIVED = datetime(2026, 6, 1, 12, 0, 0, 123_000, tzinfo=UTC)
KENMERK = "6f0dbb3a-2a5c-4f6b-8f35-3b7a44d1c7a1"
BERICHTKENMERK = "0a3d9f54-7d0e-4bb7-9b0e-52ab1d1d9c11"


def filing(content: Any = DOCUMENT, **options: Any) -> Filing:
    """Return an ordinary filing, but for the options of its delivery."""
    berichtkenmerk = options.pop("berichtkenmerk", BERICHTKENMERK)
    said: dict[str, Any] = {
        "berichtsoort": "Omzetbelasting",
        "belanghebbende": Party("001000044B37", "Fi"),
        "rol_belanghebbende": "Bedrijf",
        "document": Document("text/xml", "Omzetbelasting.xbrl", content),
        "aanleverkenmerk": "ref-1",
        "ontvanger": Party("00000099000000004000", "OIN"),
        "rol_ontvanger": "overheid",
    }
    return Filing(
        kenmerk=KENMERK,
        berichtkenmerk=berichtkenmerk,
        sender="00000099000000002000",
        received_at=RECEIVED,
        delivery=Delivery(**(said | options)),
    )
