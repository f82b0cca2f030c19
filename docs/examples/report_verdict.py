"""Report as an agency: a message for the mailbox, then a verdict.

Usage: python report_verdict.py GATEWAY PKI_DIR KENMERK 500|510

GATEWAY is its address without path, such as https://localhost:8443; PKI_DIR holds test
certificates, the one of the agency as agency.pem. Exit status 0 when the gateway has both.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid4, uuid5

from digipoort_wus import TEST, DigipoortError, Document, Party, load_pem, load_trust
from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.delivery.messages import Verdict
from digipoort_wus.delivery.reporting import Reporting
from digipoort_wus.filing.filing import ReturnMessage

GATEWAY_OIN = "00000099000000001000"
USAGE = "usage: python report_verdict.py GATEWAY PKI_DIR KENMERK 500|510"


def main() -> int:
    """Say both; who says the same again changes nothing."""
    if len(sys.argv) != 5 or sys.argv[4] not in ("500", "510"):
        print(USAGE, file=sys.stderr)
        return 2
    base, pki, kenmerk, code = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    now = datetime.now(UTC)
    try:
        agency = load_pem(pki / "agency.pem", pki / "agency.key")
        own = Credentials(agency, agency, load_trust(pki / "ca.pem", pki / "crl", TEST))
        reporting = Reporting(base, GATEWAY_OIN, lambda: own)
        # The message first: then it is there for whoever sees the verdict.
        message = ReturnMessage(
            kenmerk=kenmerk,
            berichtkenmerk=str(uuid5(NAMESPACE_URL, f"message/{kenmerk}")),
            berichtsoort="Omzetbelasting",
            offered_at=now,
            belanghebbende=Party("001000044B37", "Fi"),
            rol_belanghebbende="Bedrijf",
            document=Document("text/xml", "a.xml", b"<judged/>"),
        )
        reporting.offer(message, f"urn:uuid:{uuid4()}")
        # An agency keeps verdict and MessageID, and repeats both until it has the answer.
        reporting.report(Verdict(kenmerk, None, code, now), f"urn:uuid:{uuid4()}")
    except DigipoortError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{kenmerk}: the gateway has {code}, and a message")
    return 0


if __name__ == "__main__":
    sys.exit(main())
