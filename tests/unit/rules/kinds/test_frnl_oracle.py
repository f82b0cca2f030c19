"""What Arelle's Dutch plug-in says of the same instances: nobody here wrote it.

Needs Arelle, and what its plug-in needs. Arelle runs in a process of its own, over the taxonomy
beside this.
"""

import json
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from digipoort_wus.rules.kinds.frnl_texts import FILING_RULES
from tests.conftest import need
from tests.unit.rules.kinds.frnl_cases import CASES
from tests.unit.rules.kinds.frnl_instances import context, explicit, instance, typed
from tests.unit.rules.kinds.frnl_taxonomy import write_package
from tests.unit.rules.kinds.test_frnl import codes, judged

pytestmark = pytest.mark.thorough
ORACLE = Path(__file__).with_name("arelle_oracle.py")
RANDOM_INSTANCES = 60
_PERIODS = (
    "<xbrli:startDate>2026-01-01</xbrli:startDate><xbrli:endDate>2026-12-31</xbrli:endDate>",
    "<xbrli:startDate>2026-01-01</xbrli:startDate><xbrli:endDate>2026-06-30</xbrli:endDate>",
    "<xbrli:startDate> 2026-01-01</xbrli:startDate><xbrli:endDate>2026-12-31 </xbrli:endDate>",
    "<xbrli:startDate>2026-01-01T12:00:00</xbrli:startDate>"
    "<xbrli:endDate>2026-12-31</xbrli:endDate>",
    "<xbrli:forever/>",
)
_SCENARIOS = (
    *("", "", explicit("e:Axis", "e:Name"), explicit("e:Axis", "e:Place")),
    explicit("e:Axis", "e:Name") + explicit("e:Side", "e:Name"),
    explicit("e:Side", "e:Name") + explicit("e:Axis", "e:Name"),
    typed("e:Number", "<e:Key>1</e:Key>"),
    typed("e:Number", "<e:Key>2</e:Key>"),
)
_UNITS = ("iso4217:EUR", "iso4217:USD", " iso4217:EUR ")
_TEXTS = ("Delft", "é €", "’", "&#8217;", "&#233;", "", " ", "<!-- … -->Delft")
_ATTRIBUTES = ("", "", "", "", ' xsi:nil="false"')
_STRINGS = ("Name", "Place", "Mail", "Phone", "North", "South")


@pytest.fixture(autouse=True)
def _arelle() -> None:
    found = all(find_spec(name) is not None for name in ("arelle", "tinycss2"))
    need("Arelle", found=found, install="pip install 'digipoort-wus[test]'")


def said(tmp_path: Path, documents: dict[str, bytes]) -> dict[str, set[str]]:
    """Return which filing rules Arelle says that each document breaks."""
    instances = tmp_path / "instances"
    instances.mkdir()
    for name, octets in documents.items():
        (instances / name).write_bytes(octets)
    package = write_package(tmp_path / "frnl.zip")
    program = [sys.executable, str(ORACLE), str(package), str(instances)]
    answer = json.loads(subprocess.run(program, capture_output=True, check=True).stdout)
    assert set(answer) == set(documents)
    # Something of its own it says of each: that our taxonomy is not one of the KvK.
    assert sum("NL.FR-KVK-2.03" in errors for errors in answer.values()) >= len(answer) - 1
    return {
        name: {error.removeprefix("NL.") for error in errors} & set(FILING_RULES)
        for name, errors in answer.items()
    }


def test_every_case(tmp_path: Path) -> None:
    arelle = said(tmp_path, {f"{case.name}.xbrl": case.octets for case in CASES})
    told = {case.name: sorted(arelle[f"{case.name}.xbrl"]) for case in CASES}
    assert told == {case.name: sorted(set(case.by_arelle)) for case in CASES}


def test_file_names(tmp_path: Path) -> None:
    document = instance(context(), '<e:Name contextRef="c">a</e:Name>')
    names = ("a.xbrl", "a-1_B.xbrl", "a.b.xbrl", "a b.xbrl", "é.xbrl")
    arelle = said(tmp_path, {name: document.encode() for name in names})
    assert arelle == {name: set(codes(judged(document, name))) for name in names}


def test_random_instances(tmp_path: Path) -> None:
    documents = {f"n{number}.xbrl": _random(number) for number in range(RANDOM_INSTANCES)}
    arelle = said(tmp_path, documents)
    broken = {name: set(codes(judged(octets))) for name, octets in documents.items()}
    for name, ours in broken.items():
        extra = {"FR-NL-5.01"} if ours & {"FR-NL-3.04", "FR-NL-4.01"} else set()
        # To Arelle facts of equal contexts are duplicates, too; to us that is one mistake.
        assert arelle[name] - extra == ours - extra, documents[name].decode()
    assert len(set.union(*broken.values())) >= 10


def _random(seed: int) -> bytes:
    chance = random.Random(seed)
    contexts = [
        context(
            f"c{number}",
            period=f"<xbrli:period>{chance.choice(_PERIODS)}</xbrli:period>",
            scenario=chance.choice(_SCENARIOS),
        )
        for number in range(chance.randint(1, 4))
    ]
    units = [
        f'<xbrli:unit id="u{number}"><xbrli:measure>{chance.choice(_UNITS)}</xbrli:measure>'
        "</xbrli:unit>"
        for number in range(chance.randint(0, 2))
    ]
    texts = chance.choices(_TEXTS, k=6) if seed % 3 else ["Delft"] * 6
    facts = [
        f'<e:{chance.choice(_STRINGS)} contextRef="c{chance.randrange(len(contexts))}"'
        f"{chance.choice(_ATTRIBUTES)}>{text}</e:{{}}>"
        for text in texts
    ]
    facts = [fact.format(fact[3 : fact.index(" ")]) for fact in facts]
    facts += [
        f'<e:Amount contextRef="c0" unitRef="u{chance.randrange(len(units))}" '
        f'{chance.choice(("decimals", "precision"))}="2">1</e:Amount>'
        for _ in units
    ]
    return instance(*contexts, *units, *facts).encode()
