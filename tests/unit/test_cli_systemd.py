"""What systemd is told; without it, nothing."""

import os
import socket
from pathlib import Path

import pytest

from digipoort_wus.cli.systemd import notify, watchdog_seconds


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    notify("READY=1")
    assert watchdog_seconds() is None


@pytest.mark.parametrize("address", ["", "nonsense", "vsock:2:1234", "/nowhere/notify", "@"])
def test_a_socket_that_is_none_stops_nobody(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def test_a_reader_that_reads_nothing_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        for _ in range(10_000):
            notify("WATCHDOG=1")
        assert reader.recv(100) == b"WATCHDOG=1"


def test_the_watchdog_of_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert watchdog_seconds() == 30
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert watchdog_seconds() == 30
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert watchdog_seconds() is None
    monkeypatch.delenv("WATCHDOG_PID")
    for wrong in ("", "0", "-1", "x"):
        monkeypatch.setenv("WATCHDOG_USEC", wrong)
        assert watchdog_seconds() is None
