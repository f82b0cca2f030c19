"""The warm taxonomy finds what Arelle finds by the way that it documents.

Needs the extra ``xbrl``. Arelle runs in processes of its own.
"""

import json
import random
from pathlib import Path

import pytest

from digipoort_wus.rules.kinds.xbrl_message import is_technical
from tests.unit.rules.kinds.xbrl_cases import BACKWARDS, CASES, DAY
from tests.unit.rules.kinds.xbrl_running import PACKAGE, judged, need_arelle, run
from tests.unit.rules.kinds.xbrl_taxonomy import amount, context, instance, unit

pytestmark = pytest.mark.thorough


@pytest.fixture(autouse=True)
def _arelle() -> None:
    need_arelle()


RANDOM_INSTANCES = 60
_MEMBERS = ("", "", "North", "South", "Nobody", "All")
_VALUES = ("1", "-1", "40", "60", "1001", "1.5", "", "veel", "INF", "1e3")


def by_session(where: Path) -> dict[str, list[str]]:
    told: dict[str, list[str]] = json.loads(
        run("xbrl_session.py", str(where / PACKAGE), str(where / "instances"))
    )
    return told


def test_every_case(tmp_path: Path) -> None:
    answer = judged(tmp_path, {case.name: case.octets for case in CASES})
    warm = {name: sorted(one["engine_codes"]) for name, one in answer["found"].items()}
    assert warm == by_session(tmp_path)
    assert len({code for codes in warm.values() for code in codes}) >= 12


def test_again_in_one_process(tmp_path: Path) -> None:
    cases = [*CASES, *reversed(CASES)]
    documents = {f"{number} {case.name}": case.octets for number, case in enumerate(cases)}
    answer = judged(tmp_path, documents, again=True)
    warm = {name: sorted(one["engine_codes"]) for name, one in answer["found"].items()}
    assert warm == by_session(tmp_path)


def test_random_instances(tmp_path: Path) -> None:
    documents = {f"{number}.xbrl": _random(number) for number in range(RANDOM_INSTANCES)}
    answer = judged(tmp_path, documents)
    broken = 0
    for name, told in by_session(tmp_path).items():
        found = answer["found"][name]
        if found["technical"]:
            assert any(is_technical(code) for code in told), documents[name].decode()
            broken += 1
        else:
            codes = [code for code in told if not is_technical(code)]
            assert sorted(found["engine_codes"]) == codes, documents[name].decode()
    assert broken < RANDOM_INSTANCES / 10
    codes = [code for one in answer["found"].values() for code in one["engine_codes"]]
    assert len(set(codes)) >= 10


def _random(seed: int) -> bytes:
    chance = random.Random(seed)
    contexts = [
        context(
            f"c{number}",
            member=chance.choice(_MEMBERS),
            axis=chance.choice(("Axis", "Axis", "Axis", "Table")),
            period=chance.choice(("", "", "", DAY, BACKWARDS)),
        )
        for number in range(chance.randint(1, 4))
    ]
    facts = [
        amount(
            chance.choice(("Turnover", "Costs", "Profit", "Assets")),
            chance.choice(_VALUES if chance.random() < 0.3 else ("40", "60", "100")),
            f"c{chance.randrange(len(contexts))}",
        )
        for _ in range(chance.randint(0, 8))
    ]
    others = [
        f'<e:{chance.choice(("Name", "Day", "Line", "Other"))} contextRef="c0">2026-01-31</e:{{}}>'
        for _ in range(chance.randint(0, 2))
    ]
    others = [each.format(each[3 : each.index(" ")]) for each in others]
    parts = [*contexts, unit(measure=chance.choice(("iso4217:EUR",) * 4 + ("xbrli:pure",)))]
    body = [*facts, *others]
    chance.shuffle(body)
    return instance(*parts, *body)
