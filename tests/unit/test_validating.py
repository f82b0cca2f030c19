"""The rule engine of a gateway: found by its name, reloaded beside the work, ended with it."""

import logging
import re
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.cli.rules_configured import known_sets
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.validators import RulesRow
from digipoort_wus.rules.api import EngineOptions, Outcome, Report, Stage
from digipoort_wus.rules.engine import Engine
from digipoort_wus.rules.ruleset import EVERYTHING
from digipoort_wus.validating import BUILT_IN, GROUP, Validation, installed, made
from tests.rules import base_rules, write_rule
from tests.unit.process.sandbox import DELIVERY, XBRL, Sandbox, opened

HERE = RulesRow(engine="in-process")
MODULE = """
from digipoort_wus.rules.api import Outcome, Report

class Engine:
    def __init__(self, options):
        self.options, self.done = options, []
    def validate(self, filing, stage):
        return Report(Outcome.INVALID)
    def is_slow(self, filing, stage):
        return stage.value == "content"
    def reload(self):
        self.done.append("reload")
    def figures(self):
        return {"asked": 7}
    def close(self):
        self.done.append("close")

class Dumb(Engine):
    is_slow = None

def broken(options):
    raise RuntimeError("a secret")
"""


def plugged(directory: Path, **engines: str) -> None:
    """Make a package with engines, as an installation would leave it."""
    (directory / "acme_rules.py").write_text(textwrap.dedent(MODULE))
    metadata = directory / "acme_rules-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rules\nVersion: 1\n")
    lines = [f"{name.replace('_', '-')} = {value}" for name, value in engines.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(str(directory))
    yield directory
    sys.modules.pop("acme_rules", None)


def filed(house: Sandbox, content: str = XBRL, name: str = "a.xml") -> Filing:
    document = replace(
        DELIVERY.document, content=content.format("001000044B37").encode(), file_name=name
    )
    return house.accept(replace(DELIVERY, document=document))


@pytest.fixture
def filing(tmp_path: Path) -> Filing:
    with opened(tmp_path / "house") as house:
        return filed(house)


# --- Which engine ---------------------------------------------------------------------------


def test_what_ships_is_found_without_an_installation() -> None:
    assert installed() == BUILT_IN
    assert set(BUILT_IN) == {"workers", "in-process"}


def test_what_a_configuration_names_is_looked_at_without_a_start(
    plug: Path, tmp_path: Path
) -> None:
    shipped = known_sets(RulesRow())
    write_rule(tmp_path / "sets", "a[.]xml")
    own = RulesRow(sets=(tmp_path / "sets",))
    assert shipped is not None
    assert known_sets(own) == shipped + 1
    plugged(plug, acme="acme_rules:Engine", gone="acme_rules:Gone")
    assert known_sets(replace(own, engine="acme")) is None
    (tmp_path / "sets" / "ours.toml").write_text("id = ")
    for row, words in (
        (RulesRow(engine="nope"), "no rule engine is named 'nope'"),
        (RulesRow(engine="gone"), "cannot be imported: AttributeError"),
        (RulesRow(sets=(tmp_path / "gone",)), "gone is no directory"),
        (own, "ours.toml is not TOML"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            known_sets(row)


def check_config(directory: Path, *lines: str) -> tuple[int, str]:
    file = directory / "gateway.toml"
    file.write_text("\n".join(lines))
    result = CliRunner().invoke(digipoort_wus_command, ["config", "check", str(file)])
    return result.exit_code, f"{result.stdout}{result.exception}"


def test_config_check_loads_the_rule_sets(tmp_path: Path) -> None:
    status, text = check_config(tmp_path, "[rules]")
    assert status == 0
    assert f"{known_sets(RulesRow())} rule sets, with those that ship." in text
    for line, words in (('engine = "nope"', "'nope'"), ('sets = ["gone"]', "gone is no directory")):
        status, text = check_config(tmp_path, "[rules]", line)
        assert (status, words in text) == (1, True), text


def test_what_a_shipped_set_judges_can_be_filed_in_a_sandbox(tmp_path: Path) -> None:
    sets = Engine.shipped().catalogue.sets
    named = {name for each in sets for name in each.berichtsoorten} - {EVERYTHING}
    assert named <= set(sandbox_routes())
    with opened(tmp_path / "house") as house:
        filing = house.accept(replace(DELIVERY, berichtsoort="Voorbeeldfactuur"))
        house.run()
        assert house.codes(filing.kenmerk)[-1] == "500"


def test_one_entry_point_replaces_the_engine(plug: Path, filing: Filing) -> None:
    plugged(plug, acme="acme_rules:Engine")
    row = RulesRow(engine="acme", sets=(plug,), workers=3)
    validation = Validation(row)
    assert validation.validate(filing, Stage.ENVELOPE) == Report(Outcome.INVALID)
    assert validation.is_slow(filing, Stage.CONTENT)
    assert not validation.is_slow(filing, Stage.ENVELOPE)
    assert validation.figures() == {"asked": 7}
    validation.reload().result(10)
    validation.close()
    engine = validation._hosted
    assert vars(engine) == {"options": row.options, "done": ["reload", "close"]}


def test_one_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="'acme'; there is in-process, workers"):
        Validation(RulesRow(engine="acme"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("acme_rules:broken", "cannot be made: RuntimeError"),
        ("acme_rules:missing", "cannot be made: AttributeError"),
        ("acme_missing:make", "cannot be made: ModuleNotFoundError"),
        ("acme_rules:Dumb", "has no method is_slow"),
    ],
)
def test_one_that_cannot_be_used_is_a_sentence(plug: Path, value: str, said: str) -> None:
    plugged(plug, acme=value)
    with pytest.raises(ConfigurationError, match=said) as caught:
        made(RulesRow(engine="acme"))
    assert "secret" not in str(caught.value)


def test_nobody_takes_the_name_of_another_engine(plug: Path) -> None:
    plugged(plug, workers="acme_rules:Engine")
    with pytest.raises(ConfigurationError, match="Two rule engines are named 'workers'"):
        installed()


def test_a_mistake_in_a_rule_set_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("id = ")
    with pytest.raises(ConfigurationError, match=r"a\.toml"):
        Validation(replace(HERE, sets=(tmp_path,)))


def test_an_engine_that_is_given_is_asked_and_left_alone(filing: Filing) -> None:
    validation = Validation(RulesRow(engine="nobody looks at this"), base_rules())
    assert validation.validate(filing, Stage.ENVELOPE).outcome is Outcome.VALID
    assert not validation.is_slow(filing, Stage.CONTENT)
    assert validation.figures() == {}
    validation.reload().result(10)
    validation.close()


def test_where_nothing_is_judged_there_is_no_engine(filing: Filing) -> None:
    validation = Validation(None)
    with pytest.raises(RuntimeError):
        validation.validate(filing, Stage.ENVELOPE)
    assert validation.figures() == {}
    validation.close()


# --- In this process ------------------------------------------------------------------------


def test_rule_sets_are_read_anew_and_bad_ones_are_not(
    tmp_path: Path, filing: Filing, caplog: pytest.LogCaptureFixture
) -> None:
    sets = tmp_path / "sets"
    sets.mkdir()
    ours = replace(filing, delivery=replace(filing.delivery, berichtsoort="Proefbericht"))
    write_rule(sets, "a[.]xml")
    validation = Validation(replace(HERE, sets=(sets,)))

    def codes() -> list[str]:
        found = validation.validate(ours, Stage.ENVELOPE).findings
        return [one.code for one in found]

    try:
        assert codes() == []
        write_rule(sets, "b[.]xml")
        with caplog.at_level(logging.INFO):
            validation.reload().result(10)
        assert codes() == ["OUR-NAME"]
        (sets / "ours.toml").write_text("id = ")
        with pytest.raises(ConfigurationError, match=r"ours\.toml"):
            validation.reload().result(10)
        assert codes() == ["OUR-NAME"], "the old ones stay"
        told = [getattr(one, "event", "") for one in caplog.records]
        assert told == ["rules-reloaded", "rules-kept"]
        assert dict(validation.figures()) == {
            "judged_valid": 1,
            "judged_invalid": 2,
            "judged_undetermined": 0,
            "reloads": 1,
        }
    finally:
        validation.close()


class Bad:
    """An engine of somebody else, which does what none may do."""

    def validate(self, filing: Filing, stage: Stage) -> Report:
        return Report(Outcome.VALID)

    def is_slow(self, filing: Filing, stage: Stage) -> bool:
        return False

    def reload(self) -> None:
        raise RuntimeError("a secret")

    def figures(self) -> Mapping[str, int]:
        return {}

    def close(self) -> None:
        pass


class Slow(Bad):
    """An engine whose reload takes until somebody lets it go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.reloads = 0

    def reload(self) -> None:
        self.reloads += 1
        self.begun.release()
        assert self.go_on.wait(20)

    def close(self) -> None:
        self.go_on.set()


SLOW = Slow()


def make_slow(options: EngineOptions) -> Slow:
    del options
    return SLOW


def test_who_asks_often_is_served_together_and_nobody_waits_for_them_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engines = {"slow": f"{__name__}:make_slow"}
    monkeypatch.setattr("digipoort_wus.validating.BUILT_IN", engines)
    validation = Validation(RulesRow(engine="slow"))
    first = validation.reload()
    assert SLOW.begun.acquire(timeout=10)
    later = [validation.reload() for _ in range(20)]
    assert len({id(one) for one in later}) == 1
    assert later[0] is not first
    validation.close()
    assert first.result(10) is None
    assert later[0].cancelled()
    assert validation.reload().cancelled(), "as at the end of a gateway"
    assert SLOW.reloads == 1


def make_bad(options: EngineOptions) -> Bad:
    del options
    return Bad()


def test_a_reload_that_raises_is_told_without_its_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engines = {"bad": f"{__name__}:make_bad"}
    monkeypatch.setattr("digipoort_wus.validating.BUILT_IN", engines)
    validation = Validation(RulesRow(engine="bad"))
    with pytest.raises(ConfigurationError, match="cannot reload: RuntimeError"):
        validation.reload().result(10)
    validation.close()
    assert "secret" not in caplog.text
    assert [getattr(one, "event", "") for one in caplog.records] == ["rules-kept"]


def test_what_is_slow_is_known_before_it_is_judged(
    tmp_path: Path, filing: Filing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the rules that would judge it, of which here one costs much."""
    from digipoort_wus.rules.kinds.envelope import FILE_NAME
    from digipoort_wus.rules.model import Cost

    write_rule(tmp_path, "a[.]xml")
    ours = replace(filing, delivery=replace(filing.delivery, berichtsoort="Proefbericht"))
    monkeypatch.setattr(type(FILE_NAME), "cost", Cost.HEAVY)
    validation = Validation(replace(HERE, sets=(tmp_path,)))
    assert validation.is_slow(ours, Stage.ENVELOPE)
    assert not validation.is_slow(ours, Stage.CONTENT)
    validation.close()


TREE = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["docs/tutorial.md", "docs/nl/tutorial.md"])
def test_the_return_of_a_tutorial_is_let_through_and_refused_for_somebody_else(
    page: str, filing: Filing
) -> None:
    text = (TREE / page).read_text("utf-8")
    document = re.search(r"<\?xml.*?</xbrli:xbrl>\n", text, re.DOTALL)
    assert document is not None
    said = replace(
        filing.delivery,
        document=replace(filing.delivery.document, content=document.group().encode()),
    )
    engine = Engine.shipped()
    for stage in Stage:
        assert engine.validate(replace(filing, delivery=said), stage).findings == ()
    other = replace(said, belanghebbende=Party("002000089B01", "Fi"))
    (finding,) = engine.validate(replace(filing, delivery=other), Stage.ENVELOPE).findings
    shown = re.search(r"VAS500: (.*) \.\.\.", text)
    assert shown is not None
    assert finding.text.startswith(shown.group(1))
