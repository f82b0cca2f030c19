"""The command line as a process: exit statuses, and what goes to stdout and to stderr."""

import json
import subprocess
import sys

import pytest

WRONG = {
    "no such option": ["status", "k", "--nonsense", "--json"],
    "an argument is missing": ["status", "--json"],
    "an option is missing": ["submit", "--json", __file__],
    "a wrong value": ["status", "k", "--json", "--timeout", "soon"],
    "options that do not go together": ["status", "k", "--json", "--new", "--wait"],
    "halves of a pair": ["fetch", "--json", "--list", "--cert", "x"],
    "no such file": ["submit", "nowhere.xml", "--json", "--berichtsoort", "x"],
    "no such command": ["nonsense", "--json"],
}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "digipoort_wus", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_a_document_too(case: str) -> None:
    found = run(*WRONG[case])
    assert found.returncode == 2
    said = json.loads(found.stdout)
    assert said["error"] == "usage"
    assert said["message"]
    # Who reads along sees it as ever.
    assert f"Error: {said['message']}" in found.stderr


def test_without_json_stdout_stays_empty() -> None:
    # What stands behind -- is no option.
    for arguments in (["status"], ["status", "--nonsense", "--", "--json"]):
        found = run(*arguments)
        assert (found.returncode, found.stdout) == (2, "")
        assert "Error: " in found.stderr


def test_other_mistakes_are_one_document() -> None:
    found = run("status", "k", "--json", "--url", "https://localhost:1", "--pki-dir", "nowhere")
    assert found.returncode == 1
    assert json.loads(found.stdout)["error"] == "configuration"
