"""XBRL instances, as Arelle judges them; it runs in processes of its own."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from digipoort_wus.rules.kinds import xbrl_controller
from digipoort_wus.rules.kinds.xbrl import OCTETS_MAX, XBRL
from digipoort_wus.rules.loading import load_set
from digipoort_wus.rules.model import Cost, Ingredients, OptionError, TechnicalError
from digipoort_wus.rules.subject import TREE_MAX
from tests.unit.rules.kinds import xbrl_attacks
from tests.unit.rules.kinds.xbrl_cases import CASES, Case
from tests.unit.rules.kinds.xbrl_judge import Answer, Found
from tests.unit.rules.kinds.xbrl_running import judged, need_arelle
from tests.unit.rules.kinds.xbrl_taxonomy import (
    ENTRY,
    SECOND,
    amount,
    context,
    good,
    instance,
    unit,
    write_package,
)

MILLISECONDS_MAX = 1000
"""Ten times what a message is to take, for other things are done at the same time."""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """Return what is said of every case, by a process that may write no file."""
    need_arelle()
    documents = {case.name: case.octets for case in CASES}
    documents["UTF-16"] = _utf_16(good(61))
    documents["doctype"] = good().replace(b"?>\n", b"?>\n<!DOCTYPE x>\n", 1)
    documents["no sum"] = good().replace(b">40<", b">veel<")
    documents["name"] = instance(context(), unit(), amount("Costs", "Jansen"))
    return judged(tmp_path_factory.mktemp("xbrl"), documents, limited=True)


def _utf_16(octets: bytes) -> bytes:
    return octets.decode().replace("UTF-8", "UTF-16").encode("utf-16")


def codes(found: Found) -> list[str]:
    assert not found["technical"]
    return sorted(each[0] for each in found["findings"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(answer: Answer, case: Case) -> None:
    found = answer["found"][case.name]
    assert codes(found) == sorted(f"X-{each}" if each else "X" for each in case.codes)
    severities = {each[1] for each in found["findings"]}
    assert severities == ({"warning" if case.warned else "error"} if case.codes else set())
    assert found["outcome"] == ("invalid" if severities - {"warning"} else "valid")


def test_nothing_is_opened_and_little_time_taken(answer: Answer) -> None:
    assert {name: one["touched"] for name, one in answer["found"].items() if one["touched"]} == {}
    assert sorted(one["milliseconds"] for one in answer["found"].values())[-2] < MILLISECONDS_MAX


def test_a_process_that_is_warm_can_fork(answer: Answer) -> None:
    assert answer["threads"] == 1


def test_texts_say_where_and_what(answer: Answer) -> None:
    (finding,) = answer["found"]["sum"]["findings"]
    code, _, text, where = finding
    assert code == "X-CONTROLE"
    assert text == (
        "Een controle van de taxonomie klopt niet (va-sum). Die gaat over: Costs, Profit; kijk "
        "bij regel 11."
    )
    assert where == "/*[local-name()='xbrl']/*[local-name()='Costs'] (regel 11)"


def test_texts_do_not_repeat_what_was_filed(answer: Answer) -> None:
    (finding,) = answer["found"]["name"]["findings"]
    assert "Jansen" not in "".join(finding)


def test_any_encoding(answer: Answer) -> None:
    assert answer["found"]["UTF-16"]["findings"] == answer["found"]["sum"]["findings"]


def test_doctype_is_left_to_other_rules(answer: Answer) -> None:
    found = answer["found"]["doctype"]
    assert found["outcome"] == "undetermined"
    assert found["findings"] == []
    assert "cannot be parsed" in found["technical"]


def test_an_assertion_that_breaks_hides_nothing(answer: Answer) -> None:
    # That an amount is none was found, and its assertion cannot be evaluated.
    assert codes(answer["found"]["name"]) == ["X-WAARDE"]
    found = answer["found"]["no sum"]
    assert codes(found) == ["X-WAARDE"]
    assert found["outcome"] == "invalid"


@pytest.fixture
def server() -> Iterator[tuple[str, list[object]]]:
    """Return the address of a server and the connections that it has had."""
    listening = socket.create_server(("127.0.0.1", 0))
    seen: list[object] = []

    def serve() -> None:
        while True:
            try:
                connection, address = listening.accept()
            except OSError:
                return
            seen.append(address)
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/", seen
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


@pytest.mark.thorough
def test_references_are_refused_before(tmp_path: Path, server: tuple[str, list[object]]) -> None:
    need_arelle()
    address, seen = server
    attacks = list(xbrl_attacks.refused(_secret(tmp_path), address))
    answer = judged(tmp_path, {name: octets for name, octets, _ in attacks})
    said = {name: sorted(set(codes(answer["found"][name]))) for name, _, _ in attacks}
    assert said == {name: [code] for name, _, code in attacks}
    assert all(one["outcome"] == "invalid" for one in answer["found"].values())
    assert [one for one in answer["found"].values() if one["touched"]] == []
    assert seen == []


@pytest.mark.thorough
def test_what_does_harm_is_left_out(tmp_path: Path, server: tuple[str, list[object]]) -> None:
    need_arelle()
    address, seen = server
    attacks = dict(xbrl_attacks.harmless(_secret(tmp_path), address))
    answer = judged(tmp_path, attacks)
    assert {name: codes(one) for name, one in answer["found"].items() if codes(one)} == {}
    assert {one["outcome"] for one in answer["found"].values()} == {"valid"}
    assert [one for one in answer["found"].values() if one["touched"]] == []
    assert seen == []


@pytest.mark.thorough
def test_arelle_itself_opens_nothing_either(
    tmp_path: Path, server: tuple[str, list[object]]
) -> None:
    need_arelle()
    address, seen = server
    secret = _secret(tmp_path)
    attacks = {name: octets for name, octets, _ in xbrl_attacks.refused(secret, address)}
    attacks.update(xbrl_attacks.harmless(secret, address))
    answer = judged(tmp_path, attacks, unguarded=True)
    touched = {each for one in answer["found"].values() for each in one["touched"]}
    # Schemas of XBRL itself, which come with Arelle.
    assert {each for each in touched if "/arelle/resources/" not in each} == set()
    assert "file that the filing may not name" in answer["found"]["file"]["technical"]
    assert seen == []


def _secret(where: Path) -> str:
    secret = where / "secret.xsd"
    secret.write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>')
    return str(secret)


@pytest.mark.thorough
def test_assertions_that_do_not_end(tmp_path: Path) -> None:
    need_arelle()
    facts = [amount("Costs", number) for number in range(200)]
    bomb = instance(context(), unit(), *facts, ref=SECOND)
    wrong = instance(context(), unit(), *facts, amount("Assets", 1), ref=SECOND)
    answer = judged(tmp_path, {"bomb": bomb, "wrong": wrong}, {"formula_seconds": 1})
    found = answer["found"]["bomb"]
    assert found["outcome"] == "undetermined"
    assert "formula:" in found["technical"]
    # What took too long hides nothing that is wrong all the same.
    assert answer["found"]["wrong"]["outcome"] == "invalid"
    assert "X-CONTEXT" in codes(answer["found"]["wrong"])


@pytest.mark.thorough
def test_large_instances(tmp_path: Path) -> None:
    need_arelle()
    text = b"Jansen" + b" Jansen" * (TREE_MAX // 7)
    documents = {
        "larger than a tree": good(61).replace(b"Jansen", text),
        "larger than may be": good().replace(b"Jansen", b"Jansen" + b"x" * OCTETS_MAX),
    }
    answer = judged(tmp_path, documents)
    assert codes(answer["found"]["larger than a tree"]) == ["X-CONTROLE"]
    assert "regel 11" in answer["found"]["larger than a tree"]["findings"][0][3]
    found = answer["found"]["larger than may be"]
    assert found["outcome"] == "undetermined"
    assert f"more octets than the {OCTETS_MAX}" in found["technical"]


@pytest.mark.thorough
def test_of_very_many_findings_some_are_told(tmp_path: Path) -> None:
    need_arelle()
    facts = [amount("Costs", "veel") for _ in range(2000)]
    answer = judged(tmp_path, {"many": instance(context(), unit(), *facts)})
    assert 100 <= len(answer["found"]["many"]["findings"]) < 200


@pytest.mark.thorough
def test_own_texts_and_severities(tmp_path: Path) -> None:
    need_arelle()
    options = {
        "texts": {"message:va-profit": {"code": "WINST", "nl": "Winst {line}.", "en": "Profit."}},
        "severities": {
            "formula:assertionUnsatisfied": "warning",
            "xbrl.4.6.1:itemContextRef": "off",
        },
        "codes": {"formula": "X-F"},
    }
    documents = {"much": good(5000), "context": instance(unit(), amount("Costs", 1, "z"))}
    answer = judged(tmp_path, documents, options)
    found = [each[:3] for each in answer["found"]["much"]["findings"]]
    assert found[1] == ["WINST", "error", "Winst 12."]
    assert found[0][:2] == ["X-F", "warning"]
    assert codes(answer["found"]["context"]) == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("without", "why"),
    [
        ("files/concepts.xsd", "cannot be loaded from the packages"),
        ("files/formulas.xml", "cannot be loaded from the packages"),
        ("files/entry.xsd", "cannot be loaded from the packages"),
        ("META-INF/taxonomyPackage.xml", "no taxonomy package"),
    ],
)
def test_packages_that_lack_something(tmp_path: Path, without: str, why: str) -> None:
    need_arelle()
    package = write_package(tmp_path / "less.zip", without=without)
    answer = judged(tmp_path, {}, package=package)
    assert answer["how"] == "OptionError"
    assert why in answer["refused"]
    assert str(tmp_path) not in answer["refused"]


@pytest.mark.thorough
def test_no_package_at_all(tmp_path: Path) -> None:
    need_arelle()
    package = tmp_path / "none.zip"
    package.write_bytes(b"none")
    assert "no taxonomy package" in judged(tmp_path, {}, package=package)["refused"]


@pytest.mark.thorough
def test_entry_point_of_another_package(tmp_path: Path) -> None:
    need_arelle()
    elsewhere = "http://example.com/elsewhere.xsd"
    answer = judged(tmp_path, {}, {"entry_points": [ENTRY, elsewhere]})
    assert f"{elsewhere} cannot be loaded" in answer["refused"]


@pytest.mark.thorough
def test_taxonomy_with_errors_of_its_own(tmp_path: Path) -> None:
    need_arelle()
    package = write_package(tmp_path / "wrong.zip", wrong="locator")
    refused = judged(tmp_path / "1", {}, package=package)["refused"]
    assert "has errors of its own (xbrl.3.5" in refused
    options = {"taxonomy_errors": refused.partition("(")[2].partition(")")[0].split(", ")}
    documents = {"good": good(), "bad": good(61)}
    answer = judged(tmp_path / "2", documents, options, package=package)
    assert codes(answer["found"]["good"]) == []
    assert codes(answer["found"]["bad"]) == ["X-CONTROLE"]


@pytest.mark.thorough
def test_errors_that_keep_assertions_from_being_evaluated(tmp_path: Path) -> None:
    need_arelle()
    package = write_package(tmp_path / "wrong.zip", wrong="cycle")
    known = ["xbrl.5.1.4.3:cycles", "xbrldte:DRSDirectedCycleError"]
    answer = judged(tmp_path / "1", {}, {"taxonomy_errors": known}, package=package)
    assert f"the assertions of {ENTRY} are not evaluated" in answer["refused"]


@pytest.mark.thorough
def test_rules_with_other_packages_do_not_mix(tmp_path: Path) -> None:
    need_arelle()
    other = write_package(tmp_path / "other.zip", wrong="sum")
    documents = {"60": good(60), "160": good(160)}
    answer = judged(tmp_path / "1", documents, before=str(other))
    assert {name: codes(one) for name, one in answer["found"].items()} == {
        "60": [],
        "160": ["X-CONTROLE"],
    }
    ours = tmp_path / "1" / "taxonomy.zip"
    answer = judged(tmp_path / "2", documents, package=other, before=str(ours))
    assert {name: codes(one) for name, one in answer["found"].items()} == {
        "60": ["X-CONTROLE"],
        "160": [],
    }


OPTIONS: dict[str, object] = {"packages": ["t.zip"], "entry_points": [ENTRY]}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"entry_points": []}, "entry_points must not be empty"),
        ({"packages": "t.zip"}, "packages must be a list"),
        ({"formula_seconds": 0}, "formula_seconds must be at least 1"),
        ({"formula_seconds": 1.5}, "formula_seconds must be a whole number"),
        ({"texts": "a"}, "texts must be a table"),
        ({"texts": {"a": "b"}}, "texts.a must be a table"),
        ({"texts": {"a": {"code": "A", "nl": "b"}}}, "texts.a.en is missing"),
        ({"texts": {"a": {"nl": "b", "en": "b"}}}, "texts.a.code is missing"),
        ({"texts": {"a": {"code": "A", "nl": "{", "en": "b"}}}, "texts.a must have"),
        ({"texts": {"a": {"code": "A", "nl": "{a}", "en": "b"}}}, "texts.a has the place .a."),
        ({"texts": {"a": {"code": "A" * 21, "nl": "b", "en": "b"}}}, "longer than 20"),
        ({"texts": {"a": {"code": "A", "nl": "b", "en": "b", "de": "b"}}}, "texts.a.de is not"),
        ({"texts": {"a": {"code": "X-REF", "nl": "b", "en": "b"}}}, "X-REF is a code of this kind"),
        ({"texts": {"a": {"code": "X", "nl": "b", "en": "b"}}}, "X is a code of this kind"),
        ({"severities": {"message:a": "high"}}, "severities.message:a must be one of info"),
        ({"severities": {"IOerror": "off"}}, "what breaks has no severity"),
        ({"codes": {"taste": "A"}}, "codes.taste is not known"),
        ({"offline": False}, "offline is not known"),
    ],
)
def test_options_that_are_wrong(more: dict[str, object], why: str) -> None:
    with pytest.raises(OptionError, match=why):
        XBRL.compile(Ingredients("X", None, {**OPTIONS, **more}, {"t.zip": Path("t.zip")}))


def test_without_arelle(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(xbrl_controller, "import_module", missing)
    with pytest.raises(TechnicalError, match=r"pip install 'digipoort-wus\[xbrl\]'"):
        XBRL.compile(Ingredients("X", None, OPTIONS, {"t.zip": Path("t.zip")}))


def test_a_set_without_its_package_is_not_ready(tmp_path: Path) -> None:
    package = write_package(tmp_path / "here.zip")
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    path = tmp_path / "set.toml"
    path.write_text(f"""\
id = "test.xbrl"
version = "1"
title.nl = "Proef"
title.en = "Test"
berichtsoorten = ["Proef"]
valid_from = 2026-01-01
[artefacts."taxonomy.zip"]
sha256 = "{digest}"
supplied_by = "operator"
source = "the authority's site"
[[layer]]
id = "taxonomy"
[[layer.rule]]
code = "X"
use = "xbrl"
options.packages = ["taxonomy.zip"]
options.entry_points = ["{ENTRY}"]
""")
    found = load_set(path, {"xbrl": XBRL})
    (unready,) = found.unready
    assert "the authority's site" in unready.why


def test_cost() -> None:
    assert XBRL.cost is Cost.FORKED
