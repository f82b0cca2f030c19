"""The gateway as a process: it starts once, stops cleanly, and loses nothing when it is killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from twisted import plugins

import digipoort_wus
from tests.conftest import need
from tests.messages import aanlever_body
from tests.wire.conftest import (
    Running,
    Wire,
    assert_refused,
    body_of,
    end,
    head,
    request_for,
    restarting,
    served,
    spawn,
    text_of,
    with_pki,
)

STOPS_WITHIN = 8
PACKAGE = Path(digipoort_wus.__file__).parent
TREE = Path(__file__).parents[2] / "digipoort_wus"


def kill(running: Running) -> None:
    running.process.kill()
    running.process.wait(10)


# --- Stopping ------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    """Also with an idle connection open, and one in the middle of a request."""
    with (
        served(with_pki(tmp_path / "data")) as running,
        Wire(running) as idle,
        Wire(running) as half,
    ):
        octets = request_for(running)
        idle.send(head(running.urls[0], len(octets)) + octets)
        assert idle.answer().status == 200
        half.send(head(running.urls[0], len(octets)) + octets[:100])
        start = time.monotonic()
        running.process.send_signal(how)
        assert running.process.wait(STOPS_WITHIN) == 0
        assert time.monotonic() - start < STOPS_WITHIN
        log = running.log()
    for trace in ("Traceback", "Unhandled", "ERROR"):
        assert trace not in log


def test_an_answer_that_is_being_made_is_finished(tmp_path: Path) -> None:
    with served(with_pki(tmp_path / "data")) as running, Wire(running) as wire:
        octets = request_for(running, aanlever_body(reference="ZwaarbelastAanleveren"))
        wire.send(head(running.urls[0], len(octets)) + octets)
        time.sleep(0.5)
        running.process.terminate()
        answer = wire.answer()
        assert answer.status == 200
        assert text_of(body_of(answer), "kenmerk")
        assert running.process.wait(STOPS_WITHIN) == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", running.port))


def test_filings_go_on_after_a_clean_restart(tmp_path: Path) -> None:
    with restarting(tmp_path / "data") as running:
        kenmerken = [running[0].submit() for _ in range(5)]
        end(running[0])
        assert running[0].process.returncode == 0
        running.append(spawn(tmp_path / "data"))
        for kenmerk in kenmerken:
            assert running[1].wait_for(kenmerk, "500")[:3] == ["105", "100", "110"]


# --- Being killed ---------------------------------------------------------------


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    """Killed right after an answer, four times; the filings are there and run to 500."""
    with restarting(tmp_path / "data") as running:
        for _ in range(4):
            kenmerk = running[-1].submit()
            kill(running[-1])
            running.append(spawn(tmp_path / "data"))
            assert len(running[-1].wait_for(kenmerk, "500")) == 9


def test_every_kenmerk_that_was_answered_survives_kill_9(tmp_path: Path) -> None:
    """Killed while many file at the same time."""
    answered: list[str] = []
    stop = threading.Event()

    def file(running: Running) -> None:
        # An answer that was cut off is no answer.
        with suppress(OSError, AssertionError):
            while not stop.is_set():
                octets = request_for(running)
                with Wire(running) as wire:
                    wire.send(head(running.urls[0], len(octets)) + octets)
                    answered.append(text_of(body_of(wire.answer()), "kenmerk"))

    with restarting(tmp_path / "data") as running:
        for wanted in (10, 25):
            with ThreadPoolExecutor(4) as pool:
                for _ in range(4):
                    pool.submit(file, running[-1])
                while len(answered) < wanted:
                    time.sleep(0.01)
                kill(running[-1])
                stop.set()
            stop.clear()
            running.append(spawn(tmp_path / "data"))
        assert len(answered) == len(set(answered)) >= 25
        for kenmerk in answered:
            statuses = running[-1].wait_for(kenmerk, "500")
            assert len(statuses) == 9, statuses


def test_a_repeat_after_kill_9_gets_the_same_kenmerk_and_moment(tmp_path: Path) -> None:
    with restarting(tmp_path / "data") as running:
        octets = request_for(running[0])
        first = running[0].post(running[0].urls[0], octets)
        kill(running[0])
        running.append(spawn(tmp_path / "data"))
        again = running[1].post(running[1].urls[0], octets)
    for name in ("kenmerk", "tijdstempelAangeleverd"):
        assert text_of(body_of(first), name) == text_of(body_of(again), name)


# --- Repeats --------------------------------------------------------------------


def test_the_same_request_is_one_filing(gateway: Running) -> None:
    octets = request_for(gateway, message_id="urn:uuid:repeat-1")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: gateway.post(gateway.urls[0], octets), range(8)))
    for name in ("kenmerk", "tijdstempelAangeleverd"):
        assert len({text_of(body_of(answer), name) for answer in answers}) == 1


def test_another_body_under_the_same_message_id_is_refused(gateway: Running) -> None:
    message_id = "urn:uuid:repeat-2"
    assert gateway.ask("aanleveren", aanlever_body(), message_id=message_id).status_code == 200
    other = aanlever_body(reference="other")
    answer = gateway.ask("aanleveren", other, message_id=message_id)
    assert_refused(answer, "ALS100", "MESSAGE-ID-REUSED")


def test_message_ids_are_the_senders_own(gateway: Running) -> None:
    kenmerken = {
        text_of(
            body_of(
                gateway.ask(
                    "aanleveren", aanlever_body(), name=name, message_id="urn:uuid:repeat-3"
                )
            ),
            "kenmerk",
        )
        for name in ("vendor-a", "vendor-b")
    }
    assert len(kenmerken) == 2


# --- Starting ------------------------------------------------------------------


def run(*arguments: str, seconds: float = 20) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "digipoort_wus", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)


def assert_one_sentence(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert (done.returncode, done.stdout) == (1, "")
    error = done.stderr.strip().splitlines()
    assert error[-1].startswith("Error: ")
    for word in words:
        assert word in error[-1]
    assert "Traceback" not in done.stderr


def test_a_second_gateway_on_the_same_directory_is_refused(gateway: Running) -> None:
    directory = str(gateway.directory)
    assert_one_sentence(run("--port", "0", "--data-dir", directory), "Another gateway", directory)
    gateway.submit()


def test_a_port_in_use_is_a_sentence(gateway: Running, tmp_path: Path) -> None:
    done = run(
        "--port",
        str(gateway.port),
        "--data-dir",
        str(tmp_path / "other"),
        "--pki-dir",
        str(gateway.directory),
    )
    assert_one_sentence(done, str(gateway.port), "Choose another port")


CONFIGURATIONS = {
    "no TOML": ("x = ", "no TOML"),
    "unknown key": ("[listen]\nprot = 1\n", "listen.prot"),
    "no such host": ('[listen]\nhost = "256.256.256.256"\n', "256.256.256.256"),
    "no such file": ('[tls]\ncertificate = "x.pem"\nkey = "x.key"\n', "x.pem"),
    "data_dir is a file": ('data_dir = "gateway.toml"\n', "gateway.toml"),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_wrong_configuration_is_a_sentence(gateway: Running, tmp_path: Path, case: str) -> None:
    text, word = CONFIGURATIONS[case]
    (tmp_path / "gateway.toml").write_text(text)
    options = [] if "data_dir" in text else ["--data-dir", str(tmp_path / "data")]
    config = str(tmp_path / "gateway.toml")
    pki = str(gateway.directory)
    done = run("--port", "0", "--config", config, "--pki-dir", pki, *options)
    assert_one_sentence(done, word)


def test_the_first_start_makes_its_certificates_and_says_so(tmp_path: Path) -> None:
    """Without published keys; the only place where that time is spent."""
    directory = tmp_path / "data"
    with served(directory) as running:
        assert (directory / "ca.pem").exists()
        assert running.wait_for(running.submit(), "500")
        assert "Making test certificates" in running.log()


def test_the_ready_line_is_flushed_and_names_three_addresses(tmp_path: Path) -> None:
    with served(with_pki(tmp_path / "data")) as running:
        # A pipe is read here: without a flush the line would not have come.
        assert all(url.startswith("https://localhost:") for url in running.urls)
        assert [url.split("/")[-2] for url in running.urls] == [
            "aanleverservice",
            "statusinformatieservice",
            "ophaalservice",
        ]
        assert running.port > 0
        with socket.create_connection(("::1", running.port), timeout=5):
            pass


def plug_in_installed() -> bool:
    """Return whether the package is installed, with its plug-in, and not only importable."""
    return any((Path(path) / "digipoort_wus_plugin.py").exists() for path in plugins.__path__)


def twist(*arguments: str, path: Path | None = None) -> "subprocess.Popen[str]":
    """Start twist, away from the sources; with a path, plug-ins are found there, too."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = f"{path}{os.pathsep}{PACKAGE.parent}"
    return subprocess.Popen(
        [sys.executable, "-m", "twisted", "digipoort-wus", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=path,
        env=environment,
    )


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """The plug-in where an installation would put it."""
    plugins = tmp_path / "staged" / "twisted" / "plugins"
    shutil.copytree(TREE / "_twist", plugins, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "staged"


def assert_twist_serves(directory: Path, path: Path | None) -> None:
    process = twist("--port", "0", "--data-dir", str(with_pki(directory)), path=path)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        ready = next((line for line in lines if line.startswith("ready ")), "").split()
        running = Running(process, directory, (ready[1], ready[2], ready[3]))
        assert running.wait_for(running.submit(), "500")
        # A reload, and not its end.
        process.send_signal(signal.SIGHUP)
        assert running.wait_for(running.submit(), "500")
        process.terminate()
        _, errors = process.communicate(timeout=STOPS_WITHIN)
        # twist ends as the signal says, after everything has been stopped.
        assert process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


def test_twist_runs_the_gateway(tmp_path: Path, staged: Path) -> None:
    assert_twist_serves(tmp_path / "data", staged)


def test_twist_runs_the_installed_gateway(tmp_path: Path) -> None:
    need(
        "the installed plug-in of twist",
        found=plug_in_installed(),
        install="install the wheel (not editable)",
    )
    assert_twist_serves(tmp_path / "data", None)


def test_twist_refuses_in_sentences(gateway: Running, tmp_path: Path, staged: Path) -> None:
    directory, port = str(gateway.directory), str(gateway.port)
    other = ["--data-dir", str(tmp_path / "other"), "--pki-dir", directory]
    for arguments, word in (
        (["--port", "0", "--data-dir", directory], "Another gateway"),
        (["--port", port, *other], "Choose another port"),
        (["--port", "70000", *other], "listen.port"),
        (["--config", "missing.toml"], "missing.toml"),
    ):
        process = twist(*arguments, path=staged)
        _, errors = process.communicate(timeout=20)
        assert process.returncode not in (0, None)
        assert word in errors
        assert "Traceback" not in errors
