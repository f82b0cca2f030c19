"""The authorisation service that a sender names is the one that is asked."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.authorisers import AuthoriserByAddress
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.retry import RetryPolicy
from tests.unit.process.sandbox import DELIVERY, HAPPY, opened

KNOWN = "https://ausp.example/"


@dataclass
class Service:
    code: Literal["200", "210", "230"] = "200"
    asked: list[Filing] = field(default_factory=list)

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        self.asked.append(filing)
        return self.code


@pytest.mark.parametrize("address", [None, "", "http://geenausp.nl", "http://geenausp.nl/"])
def test_without_an_address_nobody_is_asked(tmp_path: Path, address: str | None) -> None:
    service = Service("210")
    with opened(tmp_path / "data", authoriser=AuthoriserByAddress({KNOWN: service})) as house:
        filing = house.accept(replace(DELIVERY, autorisatie_adres=address))
        house.run()
        assert house.codes(filing.kenmerk) == HAPPY
    assert service.asked == []


@pytest.mark.parametrize("code", ["200", "210"])
def test_the_service_at_the_address_decides(tmp_path: Path, code: Literal["200", "210"]) -> None:
    service = Service(code)
    services = {KNOWN: service, "https://ausp.example": Service("230")}
    with opened(tmp_path / "data", authoriser=AuthoriserByAddress(services)) as house:
        filing = house.accept(replace(DELIVERY, autorisatie_adres=KNOWN))
        house.run()
        assert house.codes(filing.kenmerk)[3] == code
    assert service.asked == [filing]


def test_an_address_to_which_nobody_answers_ends_in_230(tmp_path: Path) -> None:
    twice = Policies(authorisation=RetryPolicy(timedelta(seconds=1), timedelta(seconds=1), 2))
    with opened(tmp_path / "data", authoriser=AuthoriserByAddress({}), policies=twice) as house:
        filing = house.accept(replace(DELIVERY, autorisatie_adres=KNOWN))
        assert house.run() is not None
        house.run_until_quiet()
        assert house.codes(filing.kenmerk) == [*HAPPY[:3], "230"]
