"""One large filing in a process of its own: how much memory it takes, and how much it leaves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from digipoort_wus import limits
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.memory import give_back_large_blocks
from tests.messages import aanlever_body, envelope, signed

PROGRAM = """
import gc, sys
from datetime import datetime
from pathlib import Path
from digipoort_wus.clock import system_clock
from digipoort_wus.names import AANLEVER
from digipoort_wus.server.gate import Gate, open_request
from digipoort_wus.server.http import Head, HttpRequest
from digipoort_wus.server.memory import give_back_large_blocks
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from tests.messages import NOW

class Signer:
    oin = "00000099000000002000"
    chain = ()
    crls = ()

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

give_back_large_blocks()
gate = Gate(DIGIPOORT_1_2, lambda *_: Signer(), None, lambda: NOW, lambda: "urn:x")
head = Head("POST", AANLEVER.paths[0], "", {})
sizes = []
for name in sys.argv[1:]:
    request = HttpRequest(head, Path(name).read_bytes())
    opened = open_request(gate, AANLEVER, request)
    sizes.append(sum(map(len, opened.parts)))
    del opened, request
    if len(sizes) == 1:
        idle = status("VmRSS")
print(sizes[1], status("VmHWM") - idle, status("VmRSS") - idle)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_twenty_mebibytes(g1: TestPki, tmp_path: Path) -> None:
    files = []
    for name, size in (("small", 1_000), ("large", limits.INHOUD_MAX_BYTES)):
        octets = signed(g1.identities["vendor-a"], envelope(aanlever_body(bytes(size))))
        files.append(tmp_path / name)
        files[-1].write_bytes(octets)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    size, peak, left = map(int, done.stdout.split())
    assert size == limits.INHOUD_MAX_BYTES
    # The 28 MB of base64 in the body, and what they are the base64 of.
    assert peak < 60e6
    assert left < 30e6


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert give_back_large_blocks() is False
