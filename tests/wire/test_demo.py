"""The demonstrations, as a newcomer runs them: in an empty folder, with nothing said."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.conftest import CERTS_TEST
from tests.wire.conftest import with_pki

_INSTALLED = Path(sysconfig.get_path("scripts")) / "digipoort-wus"
COMMAND = [str(_INSTALLED)] if _INSTALLED.exists() else [sys.executable, "-m", "digipoort_wus"]
SOURCES = str(CERTS_TEST.parent)


def run(folder: Path, *arguments: str) -> str:
    """Run the command and return what it printed."""
    process = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=os.environ | {"PYTHONPATH": SOURCES},
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "Traceback" not in process.stderr
    assert "WARNING" not in process.stderr
    return process.stdout


def codes(printed: str) -> list[str]:
    return re.findall(r"^ {5}(\d{3})  ", printed, re.MULTILINE)


def test_a_filing_goes_to_an_agency_and_its_report_comes_back(tmp_path: Path) -> None:
    printed = run(tmp_path, "demo", "--agency")
    assert codes(printed) == ["105", "100", "110", "200", "301", "301", "405", "400", "500"]
    (kenmerk,) = re.findall(r"^ {5}kenmerk  (\S+)$", printed, re.MULTILINE)
    # What the agency itself logged, in this order.
    said = [line.strip() for line in printed.splitlines() if f" kenmerk {kenmerk}" in line]
    assert [line.removeprefix(f"kenmerk {kenmerk}").split(",")[0] for line in said] == [
        " taken",
        ": a message was offered",
        ": 500 was reported",
    ]
    # The message is about this filing, and was made by the agency.
    assert f"       Kenmerk: {kenmerk}\n" in printed
    assert "bericht.xml, text/xml" in printed
    assert list(tmp_path.iterdir()) == []


def test_its_data_can_be_kept(tmp_path: Path) -> None:
    """A second time it goes on with what is there."""
    with_pki(tmp_path / "kept" / "pki")
    for _ in range(2):
        run(tmp_path, "demo", "--agency", "--data-dir", "kept")
    kept = {path.name for path in (tmp_path / "kept").iterdir()}
    assert {"pki", "gateway", "agency", "gateway.toml"} <= kept
    shown = run(tmp_path, "config", "check", "kept/gateway.toml")
    assert "To agency example: Omzetbelasting." in shown


def test_without_an_agency_of_its_own(tmp_path: Path) -> None:
    with_pki(tmp_path / "data")
    printed = codes(run(tmp_path, "demo", "--data-dir", "data"))
    assert (printed[6:9], printed[-1]) == (["405", "400", "500"], "311")
