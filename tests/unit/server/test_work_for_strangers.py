"""A large filing costs work only for who is known: the octets that are digested are counted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from digipoort_wus import limits

FEW = 64 * 1024
"""Octets: SignedInfo, headers and names; not a four-hundredth of the filing."""
REFUSED = {
    "a certificate that is revoked": "PKI-REVOKED",
    "a certificate that has expired": "PKI-VALIDITY",
    "a certificate of an unknown root": "PKI-CHAIN",
    "another key": "WSS-SIGNATURE",
    "a SignatureValue that was damaged": "WSS-SIGNATURE",
    "a SignedInfo that was changed": "WSS-SIGNATURE",
    "a part that is not signed": "WSS-COVERAGE",
}


@pytest.fixture(scope="module")
def digested() -> dict[str, tuple[str, int]]:
    command = [sys.executable, "-m", "tests.unit.server.count_digested"]
    # With PYTHONSAFEPATH, as tox sets it, the folder it runs in is not on the path.
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=env)
    return {name: (check, octets) for name, (check, octets) in json.loads(done.stdout).items()}


def test_the_work_for_who_is_known_is_counted(digested: dict[str, tuple[str, int]]) -> None:
    """Without this the other test would prove nothing."""
    check, octets = digested["nothing"]
    assert check == ""
    assert octets > limits.INHOUD_MAX_BYTES * 4 // 3
    assert set(digested) == {"nothing", *REFUSED}


@pytest.mark.parametrize("case", REFUSED)
def test_nothing_large_is_digested_for_a_stranger(
    digested: dict[str, tuple[str, int]], case: str
) -> None:
    check, octets = digested[case]
    assert check == REFUSED[case]
    assert octets < FEW
