"""The documentation says what the code does: generated pages, links, examples, names."""

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest

from digipoort_wus import checks
from digipoort_wus.client import checks as client_checks
from digipoort_wus.config import Config
from digipoort_wus.config_file import load_config
from digipoort_wus.conformance.cases import cases_directory, load_cases
from digipoort_wus.conformance.requirements import load_requirements
from digipoort_wus.ebms.errors import CODE_OF
from digipoort_wus.errors import Check
from digipoort_wus.wss.policy import POLICIES

TREE = Path(__file__).parents[2]
DOCS = TREE / "docs"
AT_THE_TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "THREAT_MODEL.md")
BESIDE = ("bench", "certs-test", "chaos", "examples/rule_kind", "interop", "tests/vectors", "wsdl")
PAGES = sorted((*DOCS.rglob("*.md"), *(TREE / name for name in AT_THE_TOP)))
LINKING = sorted((*PAGES, *(page for place in BESIDE for page in (TREE / place).glob("*.md"))))
CHECK_IDS = {check.id for check in checks.CATALOGUE} | {
    value.id for value in vars(client_checks).values() if isinstance(value, Check)
}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LOOKS_LIKE_AN_ID = re.compile(
    r"`((?:EBMS|HTTP|MIME|XOP|XML|SOAP|WSA|WSS|PKI|XSD|ATTACHMENT|BERICHTSOORT|KENMERK|AUSP|PARTY"
    r"|MESSAGE-ID|PERIOD|SCENARIO|ANSWER)(?:-[A-Z0-9]+)+)`"
)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    # As when it is run: its own directory holds the rest of it.
    sys.path.insert(0, str(DOCS))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def name_of(path: Path) -> str:
    return str(path.relative_to(TREE))


def blocks(path: Path, language: str) -> list[str]:
    found = _BLOCK.findall(path.read_text(encoding="utf-8"))
    return [text for kind, text in found if kind == language]


def python_blocks() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        for number, text in enumerate(blocks(path, "python"), 1):
            yield f"{name_of(path)}:{number}", text


def imported_names(text: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("digipoort_wus"):
            yield from ((str(node.module), alias.name) for alias in node.names)


def test_generated_pages_are_up_to_date(
    generator: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    status = generator.main(["--check"])
    assert status == 0, capsys.readouterr().err


def test_a_page_that_is_out_of_date_is_noticed(generator: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "checks.md").write_text("# Checks\n")
    assert tmp_path / "checks.md" in generator.outdated(tmp_path)


def test_every_check_has_a_row() -> None:
    page = (DOCS / "reference" / "checks.md").read_text(encoding="utf-8")
    assert {check_id for check_id in CHECK_IDS if f"| `{check_id}` |" in page} == CHECK_IDS


def test_every_check_has_an_attack_or_a_reason(generator: ModuleType) -> None:
    """And none has both: the list of reasons is no place to hide."""
    unprovoked = set(sys.modules["trust_pages"].UNPROVOKED)
    attacked = {case.expected.check for case in load_cases(cases_directory())} - {None}
    assert attacked & unprovoked == set()
    of_ebms = set(sys.modules["ebms_pages"].CHECKS)
    assert attacked | unprovoked == set(checks.CATALOGUE) - of_ebms


def test_every_check_of_ebms_is_shown_or_has_a_reason(generator: ModuleType) -> None:
    """The corpus speaks WUS: tables of defects stand in its place."""
    pages = sys.modules["ebms_pages"]
    shown = {check for check in pages.CHECKS if pages.shown_in(check) is not None}
    assert len(pages.CHECKS) == len(CODE_OF) > 35
    assert shown & set(pages.UNPROVOKED) == set()
    assert shown | set(pages.UNPROVOKED) == set(pages.CHECKS)


def test_every_requirement_and_case_is_on_its_page() -> None:
    page = (DOCS / "reference" / "requirements.md").read_text(encoding="utf-8")
    assert [r.id for r in load_requirements() if f"| {r.id} |" not in page] == []
    page = (DOCS / "reference" / "attacks.md").read_text(encoding="utf-8")
    assert [c.id for c in load_cases(cases_directory()) if f"| `{c.id}` |" not in page] == []


def test_every_rule_of_a_policy_is_on_its_page() -> None:
    page = (DOCS / "reference" / "policies.md").read_text(encoding="utf-8")
    for policy in POLICIES.values():
        assert f"`{policy.name}`" in page
        for row in fields(policy):
            value = getattr(policy, row.name)
            assert not isinstance(value, Enum) or value.value in page


def anchors(page: Path) -> set[str]:
    """Return what a link may name behind its `#`: the headings, as they become identifiers."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    target = page.parent / file if file else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", LINKING, ids=name_of)
def test_relative_links_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    relative = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in relative if not leads_somewhere(page, link)] == []


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    page = DOCS / "README.md"
    assert leads_somewhere(page, "how-to/configure.md#sandbox-and-production")
    assert not leads_somewhere(page, "how-to/configure.md#sandbox")
    assert not leads_somewhere(page, "how-to/no-such-page.md")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_check_ids_exist(page: Path) -> None:
    named = set(_LOOKS_LIKE_AN_ID.findall(page.read_text(encoding="utf-8")))
    assert named - CHECK_IDS == set()


@pytest.mark.parametrize(
    "page", [each for each in PAGES if each != DOCS / "README.md"], ids=name_of
)
def test_lines_are_short(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    long = [line for line in lines if len(line) > 100 and not line.startswith("|")]
    assert long == []


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in _LINK.findall(index)}
    pages = {path.resolve() for path in DOCS.rglob("*.md")} - {(DOCS / "README.md").resolve()}
    assert pages - linked == set()


def test_the_configuration_example_can_be_read(tmp_path: Path) -> None:
    (example,) = blocks(DOCS / "how-to" / "configure.md", "toml")
    (tmp_path / "gateway.toml").write_text(example, encoding="utf-8")
    config = load_config(tmp_path / "gateway.toml")
    assert config.mode == "sandbox"
    assert config.tls is not None
    assert config.signing is not None
    assert config.origins == frozenset({("https", "localhost", 8443)})
    assert config.signature_engine == "both"
    assert config.mandates != Config().mandates


def test_the_configuration_page_names_every_key(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "configure.md").read_text(encoding="utf-8")
    source = "".join(
        (TREE / "digipoort_wus" / f"{name}.py").read_text(encoding="utf-8")
        for name in ("config_file", "config_rows")
    )
    read_as = "text|number|flag|path|texts|oin|oins|words|limit|moment|section|tables"
    keys = re.findall(rf'(?:{read_as})\("([a-z_0-9]+)"', source)
    keys += re.findall(r'identity\(file, "([a-z]+)"', source)
    assert len(keys) > 60
    told = set(re.findall(r"`(?:\[+(?:[a-z]+\.)?)?([a-z_0-9]+)\]*`", page))
    assert set(keys) - told == set()


@pytest.mark.parametrize(("where", "text"), list(python_blocks()))
def test_python_examples_import_what_exists(where: str, text: str) -> None:
    missing = [
        f"{module}.{name}"
        for module, name in imported_names(text)
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []
