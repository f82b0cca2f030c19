"""Runs commands in this process, as their tests see them."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.rules.engine import SHIPPED

RETURN = SHIPPED / "cases" / "omzetbelasting" / "quarter.xbrl"
NUMBER = ("--number", "001000044B37", "--number-type", "Fi")
DATE = ("--date", "2026-10-05")
OB = ("--berichtsoort", "Omzetbelasting", *DATE, *NUMBER)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(digipoort_wus_command, ["rules", *map(str, words)])


def said(*words: str | Path, status: int = 0) -> str:
    result = run(*words)
    assert result.exit_code == status, result.output + repr(result.exception)
    return result.stdout


def document(*words: str | Path, status: int = 0) -> Any:
    return json.loads(said(*words, status=status))


def edited(directory: Path, find: str, put: str) -> Path:
    """Return a VAT return in which something is another thing."""
    text = RETURN.read_text(encoding="utf-8")
    assert text.count(find) == 1
    path = directory / "aangifte.xbrl"
    path.write_text(text.replace(find, put), encoding="utf-8")
    return path
