"""Who answers for an ``autorisatieAdres`` is made from the configuration."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from digipoort_wus.authorising import authoriser_of
from digipoort_wus.config import Config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.authorisers import AuthoriserRow
from digipoort_wus.process.steps import AllowAll
from tests.unit.process.sandbox import DELIVERY, caller, opened
from tests.unit.test_config import FULL, load

ADDRESS = "https://ausp.example/"
ASKED_FOR = f'''
class Service:
    def ask(self, filing):
        return "210" if filing.delivery.berichtsoort == "ICP" else "200"

def service(address):
    assert address == "{ADDRESS}"
    return Service()

def broken(address):
    raise RuntimeError("s3cr3t")

def mute(address):
    return object()
'''


@pytest.fixture
def filing(tmp_path: Path) -> Callable[[str, str | None], Filing]:
    with opened(tmp_path / "data") as house:
        accepted = house.accept(DELIVERY)

    def about(berichtsoort: str, address: str | None = ADDRESS) -> Filing:
        delivery = replace(accepted.delivery, berichtsoort=berichtsoort, autorisatie_adres=address)
        return replace(accepted, delivery=delivery)

    return about


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module that Python finds."""
    name = "ausp_of_a_test"
    (tmp_path / f"{name}.py").write_text(ASKED_FOR)
    monkeypatch.syspath_prepend(tmp_path)
    return name


About = Callable[..., Filing]


def test_a_row_decides_for_its_address_alone(filing: About) -> None:
    own = AuthoriserRow(ADDRESS, "refuse", oins=frozenset({caller().oin}))
    listed = AuthoriserRow("urn:list", "refuse", berichtsoorten=frozenset({"ICP"}))
    others = AuthoriserRow("urn:all", "allow")
    asked = authoriser_of(Config(authorisers=(own, listed, others)))
    assert asked.ask(filing("ICP")) == asked.ask(filing("Omzetbelasting")) == "210"
    assert asked.ask(filing("ICP", "urn:list")) == "210"
    assert asked.ask(filing("Omzetbelasting", "urn:list")) == "200"
    assert asked.ask(filing("ICP", "urn:all")) == "200"
    assert asked.ask(filing("ICP", "urn:other")) == "230"
    for none in (None, "http://geenausp.nl", "http://geenausp.nl/"):
        assert asked.ask(filing("ICP", none)) == "200"


def test_another_sender_than_the_listed_is_allowed(filing: About) -> None:
    row = AuthoriserRow(ADDRESS, "refuse", oins=frozenset({"00000099000000009000"}))
    assert authoriser_of(Config(authorisers=(row,))).ask(filing("ICP")) == "200"


def test_a_program_is_asked(program: str, filing: About) -> None:
    row = AuthoriserRow(ADDRESS, "program", factory=f"{program}:service")
    asked = authoriser_of(Config(authorisers=(row,)))
    assert asked.ask(filing("ICP")) == "210"
    assert asked.ask(filing("Omzetbelasting")) == "200"


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("{}:broken", "RuntimeError"),
        ("{}:nothing", "AttributeError"),
        ("{}_of_nobody:service", "ModuleNotFoundError"),
        ("{}:mute", "no method ask"),
    ],
)
def test_a_program_that_cannot_be_asked_is_told_at_the_start(
    program: str, factory: str, words: str
) -> None:
    row = AuthoriserRow(ADDRESS, "program", factory=factory.format(program))
    with pytest.raises(ConfigurationError, match=words) as caught:
        authoriser_of(Config(authorisers=(row,)))
    assert row.factory in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_in_a_sandbox_a_registered_address_allows_everybody(filing: About) -> None:
    config = Config(autorisatie_adressen=frozenset({ADDRESS}))
    assert config.authorisation_services == {ADDRESS}
    assert authoriser_of(config).ask(filing("ICP")) == "200"


def test_in_production_somebody_answers_for_each_address(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'https://ausp\.example\.nl'.*\[\[authoriser"):
        authoriser_of(replace(load(tmp_path, FULL), authorisers=()))


def test_who_embeds_the_gateway_answers_alone() -> None:
    own = AllowAll()
    registered = Config(autorisatie_adressen=frozenset({ADDRESS}))
    assert authoriser_of(registered, own) is own
    with pytest.raises(ConfigurationError, match="no \\[\\[authoriser\\]\\] would be asked"):
        authoriser_of(Config(authorisers=(AuthoriserRow(ADDRESS, "allow"),)), own)
