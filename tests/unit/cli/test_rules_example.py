"""A kind of somebody else's, installed as a package and used from a rule set."""

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import need

pytestmark = pytest.mark.thorough
EXAMPLE = Path(__file__).parents[3] / "examples" / "rule_kind"
GROUP = "digipoort_wus.rule_kinds"
RIGHT = '<leden xmlns="http://example.org/members"><bsn>111222333</bsn></leden>'
MEMBERS = ("--berichtsoort", "Ledenlijst", "--sets", str(EXAMPLE / "sets"))


def write_wheel(directory: Path) -> Path:
    """Write the wheel that a build of the example gives; building it needs setuptools."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())
    about = project["project"]
    stem = f"{about['name'].replace('-', '_')}-{about['version']}"
    lines = "".join(f"{name} = {value}\n" for name, value in about["entry-points"][GROUP].items())
    files = {f"{name}.py": "" for name in project["tool"]["setuptools"]["py-modules"]}
    files = {name: (EXAMPLE / name).read_text() for name in files}
    info = f"{stem}.dist-info"
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    )
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = f"[{GROUP}]\n{lines}"
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    path = directory / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("pip", found=importlib.util.find_spec("pip") is not None, install="python -m ensurepip")
    directory = tmp_path_factory.mktemp("plug-in")
    target = directory / "site"
    words = ("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-cache-dir")
    own = ("--disable-pip-version-check", "--target", str(target), str(write_wheel(directory)))
    subprocess.run([sys.executable, *words, *own], check=True, capture_output=True)
    return target


def rules(*words: str | Path, beside: Path | None = None) -> "subprocess.CompletedProcess[str]":
    path = os.environ.get("PYTHONPATH", "")
    if beside is not None:
        path = f"{beside}{os.pathsep}{path}" if path else str(beside)
    return subprocess.run(
        [sys.executable, "-m", "digipoort_wus", "rules", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_a_file_is_judged_by_it(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "leden.xml"
    file.write_text(RIGHT)
    found = rules("check", file, *MEMBERS, beside=installed)
    assert (found.returncode, found.stderr) == (0, "")
    file.write_text(RIGHT.replace("333<", "334<"))
    found = rules("check", file, *MEMBERS, beside=installed)
    assert found.returncode == 1
    assert "  error    LID-BSN              Het burgerservicenummer in bsn klopt " in found.stdout
    assert "/*[local-name()='leden']/*[local-name()='bsn']" in found.stdout
    assert "111222334" not in found.stdout


def test_its_cases_hold(installed: Path) -> None:
    found = rules("test", "example.members", "--sets", EXAMPLE / "sets", beside=installed)
    assert (found.returncode, found.stdout.splitlines()[1:]) == (
        0,
        ["example.members@1     5       0        0  passed", "1 set, 5 cases"],
    )


def test_linting_finds_nothing_to_mend(installed: Path) -> None:
    found = rules("lint", EXAMPLE / "sets", beside=installed)
    assert (found.returncode, found.stdout) == (0, "")


def test_a_mistake_in_its_options_is_a_sentence(installed: Path, tmp_path: Path) -> None:
    text = (EXAMPLE / "sets" / "example.members.toml").read_text()
    for old, new, expected in (
        ("options.weights = [", "options.wights = [", "option wights is not known"),
        ("options.weights = [9", 'options.weights = ["9"', "must be a list of whole numbers"),
        ("options.elements = [", 'options.elements = ["", ', "must be a list of names"),
        ("number in {name}", "number in {regel}", "nothing is put into {regel} of the message"),
    ):
        (tmp_path / "members.toml").write_text(text.replace(old, new))
        found = rules("list", "--sets", tmp_path, beside=installed)
        assert found.returncode == 1
        assert expected in found.stderr
        assert "Traceback" not in found.stderr


def test_without_it_there_is_no_such_kind() -> None:
    found = rules("list", "--sets", EXAMPLE / "sets")
    assert found.returncode == 1
    assert "there is no kind 'elfproef'; there are " in found.stderr
