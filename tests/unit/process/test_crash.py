"""Nothing acknowledged is ever lost: SIGKILL at any moment, then open again.

A killed process leaves what it wrote to the operating system, so this proves the order
of commit and answer, not the fsync; that needs a machine that loses its power.
"""

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.unit.process.sandbox import HAPPY, opened

# tox hides the working directory from imports; the program is to see what we see.
AS_HERE = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
KILLS = 5


def acknowledged_before_kill(directory: Path, seconds: float) -> list[str]:
    program = [sys.executable, "-m", "tests.unit.process.accept_until_killed", str(directory)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, env=AS_HERE)
    with process:
        stream = process.stdout
        assert stream is not None
        first = stream.readline()
        time.sleep(seconds)
        process.kill()
        lines = (first + stream.read()).split(b"\n")
    # What stands behind the last line end was not printed completely.
    return [line.decode() for line in lines[:-1]]


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    chance = random.Random(20260301)
    acknowledged: list[str] = []
    for _ in range(KILLS):
        acknowledged += acknowledged_before_kill(tmp_path / "data", chance.uniform(0, 0.3))
    assert len(acknowledged) >= KILLS
    assert len(set(acknowledged)) == len(acknowledged)
    with opened(tmp_path / "data") as house:
        house.clock.turn(days=36500)
        assert house.run() is None
        for kenmerk in acknowledged:
            assert house.codes(kenmerk) == HAPPY
    connection = sqlite3.connect(tmp_path / "data" / "digipoort.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
