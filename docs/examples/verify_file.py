"""Verify a signed request in a file, without any server.

Usage: python verify_file.py REQUEST.xml PKI_DIR [MOMENT]

MOMENT (ISO 8601, such as 2026-06-01T12:00:00Z) is when the request was received;
without it, now. Exit status 0 when every check holds, 1 when one does not, 2 when
an argument is missing or cannot be used.
"""

import sys
from datetime import datetime
from pathlib import Path

from digipoort_wus import TEST, ConfigurationError, DigipoortError, load_trust, verify_request

USAGE = "usage: python verify_file.py REQUEST.xml PKI_DIR [MOMENT]"


def main() -> int:
    """Verify, and say what was signed and by whom, or which check failed."""
    if len(sys.argv) not in (3, 4):
        print(USAGE, file=sys.stderr)
        return 2
    pki = Path(sys.argv[2])
    try:
        octets = Path(sys.argv[1]).read_bytes()
        moment = datetime.fromisoformat(sys.argv[3]) if len(sys.argv) > 3 else None
        if moment is not None and moment.tzinfo is None:
            raise ValueError(f"{sys.argv[3]!r} has no time zone: write a Z behind it")
        trust = load_trust(pki / "ca.pem", pki / "crl", TEST)
    except (OSError, ValueError, ConfigurationError) as error:
        print(f"{error}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        verified = verify_request(octets, trust=trust, now=moment)
    except DigipoortError as error:
        print(f"refused: {error}")
        return 1
    print(f"signed by OIN {verified.signer.oin} at {verified.timestamp.created:%Y-%m-%dT%H:%M:%SZ}")
    print(f"action    {verified.addressing.action}")
    print(f"element   {verified.body_child.tag!s}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
