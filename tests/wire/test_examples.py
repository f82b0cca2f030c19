"""The examples of the documentation run, as their users would run them."""

import http.client
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import digipoort_wus
from digipoort_wus.pki.testpki import TestPki, write_pki
from tests.messages import AANLEVER_PATH, NOW, aanlever_body, envelope, filing, signed
from tests.wire.conftest import Running, with_pki

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
# The package that the tests use, wherever it is.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(digipoort_wus.__file__).parents[1])}


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=ENVIRONMENT
    )


@pytest.fixture
def pki_dir(g1: TestPki, tmp_path: Path) -> Path:
    write_pki(g1, tmp_path / "pki")
    return tmp_path / "pki"


def test_a_request_file_is_verified(g1: TestPki, pki_dir: Path, tmp_path: Path) -> None:
    request = tmp_path / "request.xml"
    request.write_bytes(filing(g1.identities["vendor-a"]))
    script = EXAMPLES / "verify_file.py"
    good = run(script, request, pki_dir, NOW.isoformat())
    assert good.returncode == 0, good.stderr
    assert "signed by OIN 00000099000000002000" in good.stdout
    late = run(script, request, pki_dir, (NOW + timedelta(hours=1)).isoformat())
    assert (late.returncode, "WSS-EXPIRED" in late.stdout) == (1, True)
    request.write_bytes(request.read_bytes().replace(b"Bedrijf", b"bedrijf"))
    changed = run(script, request, pki_dir, NOW.isoformat())
    assert (changed.returncode, "WSS-DIGEST" in changed.stdout) == (1, True)


def test_wrong_arguments_are_a_usage_line(pki_dir: Path, tmp_path: Path) -> None:
    script, file = EXAMPLES / "verify_file.py", tmp_path / "request.xml"
    file.write_bytes(b"<a/>")
    for arguments, said in (
        ((), ""),
        ((file,), ""),
        ((file, pki_dir, "now", "more"), ""),
        ((tmp_path / "nothing.xml", pki_dir), "No such file"),
        ((file, tmp_path / "nothing"), "ca.pem"),
        ((file, pki_dir, "yesterday"), "yesterday"),
        ((file, pki_dir, "2026-06-01T12:00:00"), "no time zone"),
    ):
        ended = run(script, *arguments)
        assert ended.returncode == 2, (arguments, ended.stderr)
        assert ended.stderr.splitlines()[-1].startswith("usage: python verify_file.py"), ended
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr


def test_the_services_are_mounted_beside_a_page(tmp_path: Path) -> None:
    directory = with_pki(tmp_path / "data")
    command = [sys.executable, str(EXAMPLES / "mount_services.py"), str(directory), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[1].removeprefix("http://")
            connection = http.client.HTTPConnection(address, timeout=20)
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello\n"
            connection.request("GET", f"{AANLEVER_PATH}?wsdl")
            assert b"AanleverService_V1_2" in connection.getresponse().read()
            running = Running(process, directory, ("", "", ""))
            octets = signed(
                running.identity("vendor-a"), envelope(aanlever_body()), created=datetime.now(UTC)
            )
            connection.request("POST", AANLEVER_PATH, octets, {"Content-Type": "text/xml"})
            answer = connection.getresponse()
            assert (answer.status, b"<kenmerk>" in answer.read()) == (200, True)
            connection.close()
        finally:
            process.terminate()
    assert process.returncode == 0


def test_a_verdict_is_reported(gateway: Running) -> None:
    kenmerk = gateway.submit(reference="WachtOpUitvragendePartij")
    gateway.wait_for(kenmerk, "400")
    script = EXAMPLES / "report_verdict.py"
    for _ in range(2):
        done = run(script, gateway.base, gateway.directory, kenmerk, "500")
        assert (done.returncode, done.stderr) == (0, "")
    gateway.wait_for(kenmerk, "500")
    other = run(script, gateway.base, gateway.directory, kenmerk, "510")
    assert other.returncode == 1
    assert "A verdict is final" in other.stderr
    assert run(script, gateway.base, gateway.directory, kenmerk).returncode == 2
