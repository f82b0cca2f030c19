"""Verify a signed request in a file, without any server.

Usage: python verify_file.py REQUEST.xml PKI_DIR [MOMENT]

MOMENT (ISO 8601, such as 2026-06-01T12:00:00Z) is when the request was received;
without it, now. Exit status 0 when every check holds, 1 otherwise.
"""

import sys
from datetime import datetime
from pathlib import Path

from digipoort_wus import TEST, DigipoortError, load_trust, verify_request


def main() -> int:
    """Verify, and say what was signed and by whom, or which check failed."""
    request, pki = Path(sys.argv[1]), Path(sys.argv[2])
    moment = datetime.fromisoformat(sys.argv[3]) if len(sys.argv) > 3 else None
    try:
        trust = load_trust(pki / "ca.pem", pki / "crl", TEST)
        verified = verify_request(request.read_bytes(), trust=trust, now=moment)
    except DigipoortError as error:
        print(f"refused: {error}")
        return 1
    print(f"signed by OIN {verified.signer.oin} at {verified.timestamp.created:%Y-%m-%dT%H:%M:%SZ}")
    print(f"action    {verified.addressing.action}")
    print(f"element   {verified.body_child.tag!s}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
