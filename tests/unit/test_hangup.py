"""SIGHUP: a reload, unless it means that the terminal is gone."""

import fcntl
import os
import signal
import subprocess
import sys
import termios

PROGRAM = """\
import os, signal
from digipoort_wus.cli.hangup import reload_on_hangup
# Not print: the signal may come while the other line is still being written.
reload_on_hangup(lambda: os.write(1, b"reload\\n"))
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""


def run(stdin: int) -> "subprocess.Popen[str]":
    """Start the program in a session of its own, with the terminal that stdin is, if any."""

    def take_terminal() -> None:
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=take_terminal,
    )


def test_without_terminal_it_is_always_a_reload() -> None:
    with run(subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
            assert process.stdout.readline() == "reload\n"
        process.terminate()


def test_the_end_of_the_terminal_is_the_end() -> None:
    ours, theirs = os.openpty()
    with run(theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "reload\n"
        os.close(ours)
        assert process.wait(5) == -signal.SIGTERM
        assert process.stdout.read() == ""
