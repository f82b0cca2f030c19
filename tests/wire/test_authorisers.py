"""Whoever answers for an autorisatieAdres decides what becomes of a filing."""

import os
from collections.abc import Iterator

import pytest

from tests.messages import aanlever_body, query_body
from tests.wire.conftest import Running, assert_refused, body_of, served, text_of, with_pki

ADDRESS = "https://ausp.example.nl"
CONFIG = f"""
[[authoriser]]
address = "{ADDRESS}/all"
kind = "allow"

[[authoriser]]
address = "{ADDRESS}/list"
kind = "refuse"
berichtsoorten = ["OBSUP"]

[[authoriser]]
address = "{ADDRESS}/program"
kind = "program"
factory = "ausp_of_the_wire:service"
"""
PROGRAM = """
class Service:
    def ask(self, filing):
        return "210" if filing.delivery.aanleverkenmerk == "not-this" else "200"

def service(address):
    return Service()
"""
REFUSED = ["105", "100", "110", "210"]
NOBODY = "http://geenausp.nl"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("authorisers")
    (folder / "ausp_of_the_wire.py").write_text(PROGRAM)
    (folder / "gateway.toml").write_text(CONFIG)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        with served(with_pki(folder / "data"), "--config", str(folder / "gateway.toml")) as running:
            yield running


def body(address: str, berichtsoort: str, reference: str) -> str:
    ordinary = aanlever_body(berichtsoort=berichtsoort, reference=reference)
    assert ordinary.count(NOBODY) == 1
    return ordinary.replace(NOBODY, address)


@pytest.mark.parametrize(
    ("address", "berichtsoort", "reference", "allowed"),
    [
        (NOBODY, "OBSUP", "ref-1", True),
        (f"{NOBODY}/", "OBSUP", "ref-1", True),
        (f"{ADDRESS}/all", "OBSUP", "ref-1", True),
        (f"{ADDRESS}/list", "OBSUP", "ref-1", False),
        (f"{ADDRESS}/list", "Omzetbelasting", "ref-1", True),
        (f"{ADDRESS}/program", "OBSUP", "ref-1", True),
        (f"{ADDRESS}/program", "OBSUP", "not-this", False),
    ],
)
def test_who_is_named_decides(
    house: Running, address: str, berichtsoort: str, reference: str, allowed: bool
) -> None:
    answer = house.ask("aanleveren", body(address, berichtsoort, reference))
    assert answer.status_code == 200, answer.text
    assert text_of(body_of(answer), "autorisatieAdres") == address
    kenmerk = text_of(body_of(answer), "kenmerk")
    statuses = house.wait_for(kenmerk, "500", "210")
    if allowed:
        assert statuses[3:] == ["200", "301", "301", "405", "400", "500"]
        return
    assert statuses == REFUSED
    seen = house.ask("getStatussenProces", query_body("getStatussenProces", kenmerk))
    assert text_of(body_of(seen), "foutcode") == "AUT500"


@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}/all/", "http://geenausp.nl//"])
def test_an_address_that_nobody_answers_for_is_refused_at_the_door(
    house: Running, address: str
) -> None:
    answer = house.ask("aanleveren", body(address, "OBSUP", "ref-1"))
    text = assert_refused(answer, "ALS160", "AUSP-KNOWN")
    assert address not in text
    asking = f"</t:kenmerk><t:autorisatieAdres>{address}</t:autorisatieAdres>"
    question = query_body("getStatussenProces").replace("</t:kenmerk>", asking)
    assert_refused(house.ask("getStatussenProces", question), "STS160", "AUSP-KNOWN")
