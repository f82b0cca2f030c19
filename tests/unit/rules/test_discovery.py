import configparser
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import digipoort_wus
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.discovery import BUILT_IN, GROUP, installed_kinds, kinds_of
from digipoort_wus.rules.loading import load_set
from digipoort_wus.rules.model import Cost
from tests.unit.rules.writing import write_set

TREE = Path(digipoort_wus.__file__).parent.parent
PLUGIN = """\
from digipoort_wus.rules.model import Compiled, Cost, Declared, Hit, Look, Text

class Weekend:
    name = "weekend"
    cost = Cost.CHEAP
    def compile(self, ingredients):
        codes = {ingredients.code: Declared("error", Text("Weekend.", "Weekend."))}
        return Compiled(Look(lambda _: [Hit()]), codes)

WEEKEND = Weekend()
NAMELESS = object()
"""
SET = """\
id = "nl.example"
version = "1"
title = { nl = "Voorbeeld", en = "Example" }
berichtsoorten = []
valid_from = 2026-01-01
[[layer]]
id = "only"
[[layer.rule]]
code = "DAY"
use = "weekend"
"""


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "weekend_kind.py").write_text(PLUGIN)
    (tmp_path / "broken_kind.py").write_text("import not_installed_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "weekend_kind"
    for name in ("weekend_kind", "broken_kind"):
        sys.modules.pop(name, None)


def test_the_metadata_name_the_same_kinds_as_the_tree() -> None:
    config = configparser.ConfigParser(delimiters=("=",))
    config.read(Path(__file__).parents[3] / "setup.cfg")
    lines = config["options.entry_points"][GROUP].strip().splitlines()

    registered = dict(line.split(" = ", 1) for line in lines)

    assert registered == dict(BUILT_IN)
    assert list(registered) == list(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_kind_of_this_package_is_there(name: str) -> None:
    kind = installed_kinds()[name]

    assert kind.name == name
    assert kind.cost in Cost


def test_kinds_are_found_without_metadata() -> None:
    assert dict.fromkeys(kinds_of([])) == dict.fromkeys(BUILT_IN)
    assert "xpath" in kinds_of([])
    assert kinds_of([]).where("xpath") == "digipoort_wus.rules.kinds.xpath:XPATH"


def test_our_own_metadata_of_another_version_does_not_count() -> None:
    old = entry("xpath", "digipoort_wus.rules.kinds.old:XPATH")
    gone = entry("regex", "digipoort_wus.rules.kinds.regex:REGEX")

    kinds = kinds_of([old, gone])

    assert kinds.where("xpath") == BUILT_IN["xpath"]
    assert "regex" not in kinds


def test_a_plug_in_is_a_kind_like_any_other(plugin: str, tmp_path: Path) -> None:
    kinds = kinds_of([entry("weekend", f"{plugin}:WEEKEND")] * 2)

    assert len(kinds) == len(BUILT_IN) + 1
    loaded = load_set(write_set(tmp_path, SET), kinds)

    (rule,) = loaded.layers[0].rules
    assert (rule.kind, rule.cost) == ("weekend", Cost.CHEAP)
    assert kinds["weekend"] is kinds["weekend"]


def test_a_plug_in_is_imported_when_it_is_used(plugin: str) -> None:
    kinds = kinds_of([entry("weekend", f"{plugin}:WEEKEND")])

    assert "weekend" in kinds
    assert plugin not in sys.modules
    assert kinds["weekend"].name == "weekend"
    assert plugin in sys.modules


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "broken_kind:KIND",
            "kind weekend (broken_kind:KIND) cannot be imported: "
            "ModuleNotFoundError: No module named 'not_installed_at_all'",
        ),
        (
            "weekend_kind:SUNDAY",
            "kind weekend (weekend_kind:SUNDAY) cannot be imported: "
            "AttributeError: module 'weekend_kind' has no attribute 'SUNDAY'",
        ),
        (
            "weekend_kind:NAMELESS",
            "kind weekend (weekend_kind:NAMELESS) is no kind: it must be an object with name, "
            "cost and compile",
        ),
        (
            "weekend_kind:Weekend",
            "kind weekend (weekend_kind:Weekend) is no kind: it must be an object with name, "
            "cost and compile",
        ),
    ],
)
@pytest.mark.usefixtures("plugin")
def test_a_broken_plug_in_is_said_where_a_set_uses_it(
    value: str, said: str, tmp_path: Path
) -> None:
    kinds = kinds_of([entry("weekend", value)])
    path = write_set(tmp_path, SET)

    with pytest.raises(ConfigurationError) as caught:
        load_set(path, kinds)

    assert str(caught.value) == f"{path}: layer[only].rule[DAY].use: {said}."


def test_a_broken_plug_in_hinders_no_other(plugin: str) -> None:
    kinds = kinds_of([entry("broken", "broken_kind:KIND"), entry("weekend", f"{plugin}:WEEKEND")])

    assert kinds["weekend"].name == "weekend"


def test_a_plug_in_that_calls_itself_something_else_is_refused(plugin: str) -> None:
    kinds = kinds_of([entry("sunday", f"{plugin}:WEEKEND")])

    with pytest.raises(ConfigurationError, match="calls itself 'weekend'"):
        kinds["sunday"]


@pytest.mark.parametrize("name", ["xpath", "weekend"])
def test_one_name_has_one_kind(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kinds_of([entry("weekend", "a:B"), entry(name, "c:D")])

    first = BUILT_IN.get(name, "a:B")
    assert str(caught.value) == (
        f"Two kinds of rules are named {name!r}: {first} and c:D: uninstall one."
    )


def test_an_installed_plug_in_is_found(tmp_path: Path) -> None:
    (tmp_path / "weekend_kind.py").write_text(PLUGIN)
    info = tmp_path / "weekend-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: weekend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nweekend = weekend_kind:WEEKEND\n")
    asks = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from digipoort_wus.rules.discovery import installed_kinds\n"
        "print(installed_kinds()['weekend'].name)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", asks, str(tmp_path), str(TREE)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ran.stdout, ran.stderr) == ("weekend\n", "")
