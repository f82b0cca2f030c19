"""The commands that the documentation prints are there, with their options."""

import configparser
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from digipoort_wus.cli.main import digipoort_wus_command

TREE = Path(__file__).parents[2]
# A decision tells what was thought then, and names labels that are no commands.
PAGES = sorted(
    page
    for pattern in (
        *("*.md", "docs/**/*.md", "interop/*.md", "certs-test/*.md", "bench/*.md"),
        "examples/*/*.md",
    )
    for page in TREE.glob(pattern)
    if page.parent.name != "adr"
)
# Up to what ends a command in a shell, in prose, or in the code span that it stands in.
_COMMAND = re.compile(r"digipoort-wus ([^`|<>;&#\n]*)")
_TOX = re.compile(r"\btox (?:--\S+ \S+ )?-e ([a-z0-9]+)")
_MODULE = re.compile(r"\bpython -m ([a-z_.]+)")


def printed(page: Path) -> str:
    """Return the code of a page, with the lines of each command made one."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n.*?^```$|^(?: {4}|\t).*$", text, re.DOTALL | re.MULTILINE)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for arguments in _COMMAND.findall(printed(page)):
            yield str(page.relative_to(TREE)), arguments.strip()


def unknown(arguments: str) -> list[str]:
    """Return the words of a command line that the command does not know."""
    command: click.Command = digipoort_wus_command
    options: set[str] = {"--help"}
    missing = []
    for word in shlex.split(arguments):
        options.update(name for one in command.params for name in one.opts + one.secondary_opts)
        if word.startswith("--"):
            missing += [] if word.partition("=")[0] in options else [word]
        elif isinstance(command, click.Group) and not word.isupper():
            found = command.get_command(click.Context(command), word)
            if found is None:
                return [*missing, word]
            command = found
    return missing


@pytest.mark.parametrize(("page", "arguments"), sorted(set(commands())))
def test_a_printed_command_is_known_with_its_options(page: str, arguments: str) -> None:
    assert unknown(arguments) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("pki init new --generation g4", []),
        ("pki inti new", ["inti"]),
        ("conformance attack --sandbox --ony ID", ["--ony"]),
        ("--version", []),
        ("sereve", ["sereve"]),
    ],
)
def test_what_is_not_known_is_noticed(arguments: str, expected: list[str]) -> None:
    assert unknown(arguments) == expected


def test_every_environment_and_module_is_there() -> None:
    text = "\n".join(printed(page) for page in PAGES)
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(TREE / "tox.ini")
    environments = set(_TOX.findall(text))
    assert len(environments) > 4
    made = {section.partition(":")[2] for section in tox.sections()} | {"py311", "py312", "py313"}
    assert environments - made == set()
    modules = set(_MODULE.findall(text))
    assert {"digipoort_wus", "pytest", "tests.turn_off_checks"} <= modules
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
