"""The pages about rules say what the code does, and their examples work."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.config_file import load_config
from digipoort_wus.rules.api import EngineOptions, HostedEngine, Outcome, Report, Stage
from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.discovery import BUILT_IN, installed_kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.loading import load_sets

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to" / "rules.md").read_text(encoding="utf-8")
KINDS_PAGE = (DOCS / "reference" / "rule-kinds.md").read_text(encoding="utf-8")
SETS_PAGE = (DOCS / "reference" / "rule-sets.md").read_text(encoding="utf-8")
_ASKED = re.compile(
    r'options\.(?:has|text|texts|number|amount|choice|pattern|both|table)\(\s*"([a-z_]+)"'
)


def blocks(language: str, begins: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", HOW_TO, re.DOTALL | re.MULTILINE)
    (block,) = (each for each in found if each.startswith(begins))
    return str(block)


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    (tmp_path / "rules" / "cases").mkdir(parents=True)
    for name, id_ in (("stock", "org.example.stock"), ("ob", "org.example.omzetbelasting")):
        (tmp_path / "rules" / f"{name}.toml").write_text(blocks("toml", f'id = "{id_}"'))
        cases = blocks("toml", f'set = "{id_}@')
        (tmp_path / "rules" / "cases" / f"{name}.toml").write_text(cases)
    return tmp_path / "rules"


def run(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(digipoort_wus_command, ["rules", *map(str, words)])
    return result.exit_code, result.stdout


def test_the_example_of_a_set_holds_its_cases(sets: Path) -> None:
    status, text = run("test", "--sets", sets, "org.example.stock")
    assert (status, "4       0        0  passed" in text) == (0, True)


def test_the_examples_pass_the_commands_of_the_page(sets: Path) -> None:
    """Written there with --config, which names the same directory."""
    config = sets.parent / "gateway.toml"
    config.write_text('[rules]\nsets = ["rules"]\n')
    assert run("lint", "--config", config)[0] == 0
    status, text = run("test", "--config", config)
    assert (status, text.count("failed")) == (0, 0)
    assert "org.example.omzetbelasting@1" in text


def test_the_example_of_an_override_is_explained(sets: Path) -> None:
    status, text = run("explain", "Omzetbelasting", "--sets", sets)
    assert status == 0
    assert "overridden by org.example.omzetbelasting@1: agreed with the agency" in text
    assert "disabled by org.example.omzetbelasting@1: our portal makes the file names" in text


def test_the_artefact_of_the_example_is_that_of_the_shipped_set() -> None:
    digest = re.search("[0-9a-f]{64}", blocks("toml", "[artefacts."))
    assert digest is not None
    assert digest[0] in (SHIPPED / "nl.bd.loonaangifte.toml").read_text()


def test_the_example_of_the_configuration_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(blocks("toml", "[rules]"))
    config = load_config(file)
    assert (config.rules.sets, config.rules.added) == ((tmp_path / "rules",), tmp_path / "added")


def test_the_example_of_an_engine_is_one() -> None:
    namespace: dict[str, object] = {}
    exec(compile(blocks("python", "from collections.abc"), "rules.md", "exec"), namespace)
    make = namespace["make"]
    assert callable(make)
    engine: HostedEngine = make(EngineOptions())
    assert engine.validate(None, Stage.CONTENT) == Report(Outcome.VALID)  # type: ignore[arg-type]
    wanted = {name for name in dir(HostedEngine) if not name.startswith("_")}
    assert wanted <= set(dir(engine))
    assert not engine.is_slow(None, Stage.CONTENT)  # type: ignore[arg-type]
    engine.reload()
    assert engine.figures() == {}
    engine.close()


def test_the_example_in_python_judges_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("aangifte.xbrl").write_text("<x/>")
    exec(compile(blocks("python", "from pathlib"), "rules.md", "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "invalid"
    assert len(said) > 1


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_kind_and_each_of_its_options_is_on_the_page(name: str) -> None:
    spec = find_spec(BUILT_IN[name].partition(":")[0])
    if spec is None or spec.origin is None:
        pytest.fail(f"the kind {name} is not there")
    section = next(
        part for part in KINDS_PAGE.split("\n## ") if name in part.splitlines()[0].split(", ")
    )
    asked = set(_ASKED.findall(Path(spec.origin).read_text(encoding="utf-8")))
    assert {each for each in asked if f"`{each}`" not in section} == set()


def test_every_code_of_a_shipped_set_is_on_the_page() -> None:
    """Also of those that need an extra, which may not be installed here."""
    catalogue = catalogue_of(load_sets([SHIPPED], installed_kinds()))
    for each in catalogue.sets:
        (section,) = (part for part in SETS_PAGE.split("\n## ") if part.startswith(each.name))
        codes = {
            code
            for layer in each.layers
            for rule in layer.rules
            if rule.code not in {one.rule for one in each.unready}
            for code in rule.compiled.codes
        }
        assert {code for code in codes if f"| {code} |" not in section} == set()
    assert "|  |\n" not in SETS_PAGE, "a basis that nobody gives is inferred"
    assert "| INV-08 |" in SETS_PAGE
    assert "| LH-XSD |" in SETS_PAGE
