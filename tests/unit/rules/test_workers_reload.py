"""Workers of a gateway that get other rule sets."""

import hashlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.limits import RULE_WORKER_GRACE_SECONDS
from digipoort_wus.rules.api import Busy, Outcome, Stage
from digipoort_wus.rules.workers import Workers, make
from tests.conftest import need
from tests.unit.rules.evil_kinds import write_sets
from tests.unit.rules.kinds.schematron_sheets import sheet
from tests.unit.rules.working import COSTS, asked, filing, options, processes, validated, wait_for

BROKEN_CASES = """\
set = "test.evil.{cost}@1"
[filing]
text = "<x/>"
berichtsoort = "{cost}"
received = 2026-06-01T10:00:00Z
number = "001000044B37"
type = "BTW"
[[case]]
name = "it has a pid"
file_name = "pid.xml"
outcome = "invalid"
codes = ["{code}"]
[[case]]
name = "nothing"
file_name = "nothing.xml"
outcome = "valid"
"""


@pytest.mark.parametrize("seconds", [0.1, 0.8, 2.0])
def test_closing_ends_a_reload(
    changing: tuple[Workers, Path], others: set[int], seconds: float
) -> None:
    workers, directory = changing
    (directory / "cases").mkdir()
    text = BROKEN_CASES.format(cost="forked", code="X").replace("pid.xml", "sleep-30.xml")
    (directory / "cases" / "evil.toml").write_text(text)
    with ThreadPoolExecutor(1) as pool:
        reload = pool.submit(workers.reload)
        time.sleep(seconds)
        workers.close()
        assert processes() == others
        with pytest.raises(ConfigurationError):
            reload.result()


def test_reload_takes_new_sets_and_filings_under_way_keep_the_old(
    changing: tuple[Workers, Path], others: set[int]
) -> None:
    workers, directory = changing
    before = workers.pids
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(validated, workers, "cheap", "sleep-1.2")
        time.sleep(0.1)
        write_sets(directory, text="Nieuw:")
        workers.reload()
        assert validated(workers, "cheap", "pid").findings[0].text.startswith("Nieuw:")
        assert slow.result().outcome is Outcome.VALID
    wait_for(lambda: processes() - others == set(workers.pids))
    assert not set(before) & set(workers.pids)
    assert workers.figures()["reloads"] == 1
    assert workers.figures()["cheap_lost"] == 0


@pytest.mark.parametrize("cost", COSTS)
def test_reload_runs_the_cases(
    changing: tuple[Workers, Path],
    others: set[int],
    cost: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    workers, directory = changing
    (directory / "cases").mkdir()
    cases = directory / "cases" / "evil.toml"
    cases.write_text(BROKEN_CASES.format(cost=cost, code=f"EVIL-{cost.upper()}"))
    with caplog.at_level("INFO", "digipoort_wus.rules.workers"):
        workers.reload()
    assert f"2 cases of test.evil.{cost}@1 hold, 0 were skipped" in caplog.messages
    cases.write_text(BROKEN_CASES.format(cost=cost, code="OTHER"))
    before = workers.pids
    with pytest.raises(ConfigurationError) as caught:
        workers.reload()
    assert str(caught.value).startswith(f"1 of 2 cases of test.evil.{cost}@1 do not hold: it has")
    assert validated(workers, cost).outcome is Outcome.VALID
    wait_for(lambda: processes() - others == set(before))
    assert workers.pids == before


def test_a_case_that_ends_its_worker_keeps_the_old_sets(changing: tuple[Workers, Path]) -> None:
    workers, directory = changing
    (directory / "cases").mkdir()
    text = BROKEN_CASES.format(cost="cheap", code="X").replace("pid.xml", "kill.xml")
    (directory / "cases" / "evil.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"cannot be run: .*SIGKILL"):
        workers.reload()
    assert validated(workers, "cheap").outcome is Outcome.VALID


@pytest.mark.parametrize(
    ("text", "says"),
    [("nonsense", "is not TOML"), ('id = "x"\n', "version"), (None, "is no directory")],
)
def test_sets_that_cannot_be_used_are_not_taken(
    changing: tuple[Workers, Path], others: set[int], text: str | None, says: str
) -> None:
    workers, directory = changing
    before = workers.pids
    if text is None:
        directory.rename(directory.with_name("elsewhere"))
    else:
        (directory / "broken.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        workers.reload()
    assert workers.pids == before
    assert validated(workers, "cheap").outcome is Outcome.VALID
    with pytest.raises(ConfigurationError, match=says):
        make(options(directory))
    assert processes() - others == set(before)


ARTEFACT = """\
id = "test.artefact"
version = "1"
title.nl = "Bijlage"
title.en = "Artefact"
berichtsoorten = ["artefact"]
valid_from = 2020-01-01
[artefacts."{name}"]
sha256 = "{sha256}"
[[layer]]
id = "one"
[[layer.rule]]
code = "A"
{rule}
"""
SCHEMA = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="x"/></xs:schema>'


def write_artefact(directory: Path, name: str, text: str, rule: str) -> Path:
    """Write a set with one artefact, and return the path of that."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    (directory / name).write_text(text)
    (directory / "artefact.toml").write_text(ARTEFACT.format(name=name, sha256=sha256, rule=rule))
    return directory / name


def write_schema(directory: Path) -> Path:
    rule = 'use = "xsd"\noptions.schema = "small.xsd"'
    return write_artefact(directory, "small.xsd", SCHEMA, rule)


def test_a_changed_artefact_is_not_taken(changing: tuple[Workers, Path]) -> None:
    workers, directory = changing
    write_schema(directory)
    workers.reload()
    before = workers.pids
    (directory / "small.xsd").write_text(SCHEMA + " ")
    with pytest.raises(ConfigurationError, match=r"small\.xsd has [0-9a-f]{64}: put back the file"):
        workers.reload()
    assert workers.pids == before
    # What was loaded judges on.
    assert validated(workers, "artefact").outcome is Outcome.VALID
    with pytest.raises(ConfigurationError, match="put back the file"):
        make(options(directory))


def test_a_changed_artefact_is_not_in_force_when_a_worker_is_replaced(
    changing: tuple[Workers, Path],
) -> None:
    workers, directory = changing
    path = write_schema(directory)
    workers.reload()
    path.write_text(SCHEMA + " ")
    assert validated(workers, "cheap", "kill").outcome is Outcome.UNDETERMINED
    wait_for(lambda: workers.figures()["cheap_not_started"] > 0)
    with pytest.raises(Busy):
        asked(workers, "artefact")
    path.write_text(SCHEMA)
    assert validated(workers, "artefact").outcome is Outcome.VALID


def test_a_stylesheet_that_writes_files_is_not_taken(changing: tuple[Workers, Path]) -> None:
    found = find_spec("saxonche") is not None
    need("saxonche", found=found, install="pip install 'digipoort-wus[schematron]'")
    workers, directory = changing
    before, written = workers.pids, directory / "written.xml"
    writes = f"<xsl:result-document href='{written.as_uri()}'>x</xsl:result-document>"
    rule = 'use = "schematron"\noptions.stylesheet = "evil.xsl"\noptions.texts.A = '
    write_artefact(directory, "evil.xsl", sheet(writes), rule + '{ nl = "Nee.", en = "No." }')
    with pytest.raises(ConfigurationError, match="result-document"):
        workers.reload()
    assert workers.pids == before
    with pytest.raises(ConfigurationError, match="result-document"):
        make(options(directory))
    assert not written.exists()


def test_a_heavy_kind_that_cannot_be_compiled_is_found_by_its_worker(
    changing: tuple[Workers, Path],
) -> None:
    workers, directory = changing
    path = directory / "heavy.toml"
    text = path.read_text()
    path.write_text(text + '[override."EVIL-OTHER"]\nseverity = "warning"\nreason = "none"\n')
    with pytest.raises(ConfigurationError, match="EVIL-OTHER"):
        workers.reload()


def test_a_set_that_is_being_written_is_not_in_force(changing: tuple[Workers, Path]) -> None:
    workers, directory = changing
    write_sets(directory, text="Half:")
    assert validated(workers, "cheap", "kill").outcome is Outcome.UNDETERMINED
    with pytest.raises(Busy):
        asked(workers, "cheap")
    wait_for(lambda: workers.figures()["cheap_not_started"] > 1)
    # Known to be so: nobody is kept waiting, for one thread works on many filings.
    began = time.monotonic()
    for _ in range(10):
        with pytest.raises(Busy):
            asked(workers, "cheap")
    assert time.monotonic() - began < RULE_WORKER_GRACE_SECONDS
    write_sets(directory)
    # It was put back, so workers can be started again.
    wait_for(lambda: len(workers.pids) == len(COSTS))
    text = validated(workers, "cheap", "pid").findings[0].text
    assert text.startswith("Gevonden:")


def test_that_none_can_be_started_is_said_once_and_that_one_can_again(
    changing: tuple[Workers, Path], caplog: pytest.LogCaptureFixture
) -> None:
    workers, directory = changing
    with caplog.at_level(logging.INFO, logger="digipoort_wus.rules.workers"):
        write_sets(directory, text="Half:")
        validated(workers, "cheap", "kill")
        wait_for(lambda: workers.figures()["cheap_not_started"] > 3)
        write_sets(directory)
        wait_for(lambda: len(workers.pids) == len(COSTS))
        wait_for(lambda: "rule-worker-again" in events(caplog))
        validated(workers, "cheap", "kill")
        wait_for(lambda: len(workers.pids) == len(COSTS))
    assert events(caplog) == [
        "rule-worker-lost",
        "rule-worker-not-started",
        "rule-worker-again",
        "rule-worker-lost",
    ]
    _, failed, again, _ = caplog.records
    assert (failed.levelname, again.levelname) == ("ERROR", "INFO")
    assert "were changed since they were loaded" in failed.getMessage()
    assert "for cheap rules could be started again, after" in again.getMessage()


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["event"] for record in caplog.records]


def test_a_set_for_everything_else_makes_that_slow(changing: tuple[Workers, Path]) -> None:
    workers, directory = changing
    path = directory / "heavy.toml"
    path.write_text(path.read_text().replace('["heavy"]', '["Else"]'))
    workers.reload()
    assert workers.is_slow(filing("Else"), Stage.CONTENT)
    assert not workers.is_slow(filing("heavy"), Stage.CONTENT)
