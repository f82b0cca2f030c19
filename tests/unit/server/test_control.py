"""The socket by which an operator's commands reach the gateway that has the data directory."""

import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from digipoort_wus.errors import DigipoortError
from digipoort_wus.server import control
from digipoort_wus.server.control import Control, ask
from tests.unit.process.sandbox import Sandbox, opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Sandbox, Path, list[str]]]:
    # Longer than a socket's address may be.
    directory = tmp_path / ("long" * 30) / "data"
    directory.parent.mkdir()
    woken: list[str] = []
    with opened(directory) as made:
        served = Control(directory, made.store, made.clock, lambda: woken.append("woken"))
        served.start()
        try:
            yield made, directory, woken
        finally:
            served.stop()
            assert not (directory / control.NAME).exists()


def said(directory: Path, octets: bytes) -> dict[str, str]:
    with socket.socket(socket.AF_UNIX) as connection, control._within(directory) as path:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        reply = json.loads(control._read_line(connection, within=10))
    assert isinstance(reply, dict)
    return reply


def test_a_decision_is_carried_out_and_work_is_looked_for(
    house: tuple[Sandbox, Path, list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, directory, woken = house
    kenmerk = made.accept().kenmerk
    assert ask(directory, "cancel", kenmerk, "asked") == "cancelled, with status 230"
    assert made.codes(kenmerk)[-1] == "230"
    assert woken == ["woken"]
    # As every other line writes it, so that one search finds them all.
    assert f"kenmerk {kenmerk}: an operator: cancel" in caplog.text


def test_what_cannot_be_done_is_said(house: tuple[Sandbox, Path, list[str]]) -> None:
    made, directory, woken = house
    for kenmerk in (made.accept().kenmerk, "unknown"):
        with pytest.raises(DigipoortError, match=r"set aside|no filing"):
            ask(directory, "again", kenmerk, "asked")
    assert woken == []


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\n",
        b"x\n",
        b"[]\n",
        b'{"do": "cancel"}\n',
        b'{"do": "purge", "kenmerk": "a", "reason": "b"}\n',
        b'{"do": "cancel", "kenmerk": 1, "reason": "b"}\n',
        b'{"do": ["cancel"], "kenmerk": "a", "reason": "b"}\n',
        b"x" * (control.LINE_MAX + 10),
        b"[" * (control.LINE_MAX - 10) + b"\n",
    ],
)
def test_what_is_no_decision_is_refused_and_the_next_is_heard(
    house: tuple[Sandbox, Path, list[str]], octets: bytes
) -> None:
    made, directory, _ = house
    try:
        assert "does not know this" in said(directory, octets)["error"]
    except ConnectionError:
        # It read as much as a line may have, and closed upon the rest.
        assert len(octets) > control.LINE_MAX
    assert ask(directory, "cancel", made.accept().kenmerk, "asked")


def test_who_sends_a_line_octet_by_octet_does_not_keep_the_next_waiting(
    house: tuple[Sandbox, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, directory, _ = house
    monkeypatch.setattr(control, "_SECONDS", 1.0)
    stop = threading.Event()

    def drip() -> None:
        with socket.socket(socket.AF_UNIX) as connection, control._within(directory) as path:
            connection.connect(str(path))
            started.set()
            with suppress(OSError):
                while not stop.wait(0.1):
                    connection.sendall(b"x")

    started = threading.Event()
    slow = threading.Thread(target=drip)
    slow.start()
    try:
        assert started.wait(10)
        monkeypatch.setattr(control, "_SECONDS", 10.0)
        assert ask(directory, "cancel", made.accept().kenmerk, "asked")
    finally:
        stop.set()
        slow.join()


def test_nobody_else_may_use_it(house: tuple[Sandbox, Path, list[str]]) -> None:
    _, directory, _ = house
    assert stat.S_IMODE((directory / control.NAME).stat().st_mode) == 0o600


def test_without_a_gateway_nobody_answers(tmp_path: Path) -> None:
    assert ask(tmp_path, "cancel", "a", "b") is None
    left = tmp_path / control.NAME
    with socket.socket(socket.AF_UNIX) as dead, control._within(tmp_path) as path:
        dead.bind(str(path))
    assert left.exists()
    assert ask(tmp_path, "cancel", "a", "b") is None, "a dead process left its socket"


def test_a_socket_of_a_dead_gateway_is_replaced(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with opened(directory) as made:
        with socket.socket(socket.AF_UNIX) as dead, control._within(directory) as path:
            dead.bind(str(path))
        served = Control(directory, made.store, made.clock, lambda: None)
        served.start()
        try:
            assert ask(directory, "cancel", made.accept().kenmerk, "asked")
        finally:
            served.stop()
