from datetime import UTC, date, datetime
from itertools import permutations
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.api import Came, Outcome, Stage
from digipoort_wus.rules.catalogue import catalogue_of, without
from digipoort_wus.rules.head import Head
from digipoort_wus.rules.model import TechnicalError
from tests.unit.rules.catalogues import (
    BASE,
    MAY,
    RULE,
    VAT,
    Sets,
    about,
    chosen,
    codes,
    english,
    judged,
    no_head,
)


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    return Sets(tmp_path)


# ------------------------------------------------------------------- which set


def test_a_berichtsoort_has_its_set_and_the_others_have_that_of_everything(sets: Sets) -> None:
    sets.add("base@1", BASE)
    sets.add("vat@1", f'{VAT}\nrequires = ["base@1"]')
    catalogue = sets.catalogue()

    own = catalogue.choose("OB", MAY, no_head)
    other = catalogue.choose("ICP", MAY, no_head)

    assert (chosen(own), codes(own)) == ("vat@1", ["BASE", "VAT"])
    assert [each.name for each in own.sets] == ["base@1", "vat@1"]
    assert (chosen(other), codes(other)) == ("base@1", ["BASE"])
    assert chosen(catalogue.choose("ob", MAY, no_head)) == "base@1"
    assert chosen(catalogue.choose("*", MAY, no_head)) == "base@1"


def test_the_dutch_day_of_receipt_chooses_the_version(sets: Sets) -> None:
    sets.add("vat@2025", f"{VAT}\nvalid_until = 2025-12-31")
    sets.add("vat@2026", VAT.replace("2020-01-01", "2026-01-01"))
    catalogue = sets.catalogue()

    before = catalogue.choose("OB", datetime(2025, 12, 31, 22, 59, 59, tzinfo=UTC), no_head)
    after = catalogue.choose("OB", datetime(2025, 12, 31, 23, tzinfo=UTC), no_head)

    assert (chosen(before), chosen(after)) == ("vat@2025", "vat@2026")


def test_a_set_may_be_there_before_its_first_day(sets: Sets) -> None:
    sets.add("base@1", BASE)
    sets.add("vat@2030", VAT.replace("2020-01-01", "2030-01-01"))
    catalogue = sets.catalogue()

    assert chosen(catalogue.choose("OB", MAY, no_head)) == "base@1"
    assert [each.name for each in catalogue.named("OB")] == ["vat@2030"]
    assert [each.name for each in catalogue.in_force("OB", date(2026, 5, 1))] == ["base@1"]


def test_the_document_chooses_where_sets_say_for_which_they_are(sets: Sets) -> None:
    sets.add("wage@2025", f'{VAT}\n[applies]\nroot = ["{{urn:2025}}Loon"]')
    sets.add("wage@2026", f'{VAT}\n[applies]\nroot = ["{{urn:2026}}Loon"]')
    catalogue = sets.catalogue()

    assert chosen(catalogue.choose("OB", MAY, about('<Loon xmlns="urn:2025"/>'))) == "wage@2025"
    assert chosen(catalogue.choose("OB", MAY, about('<Loon xmlns="urn:2026"/>'))) == "wage@2026"


def test_the_document_is_read_only_when_that_matters(sets: Sets) -> None:
    sets.add("vat@1", f'{VAT}\nvalid_until = 2026-04-30\n[applies]\nroot = ["a"]')
    sets.add("vat@2", VAT.replace("2020-01-01", "2026-05-01"))
    read: list[int] = []

    def head() -> Head:
        read.append(1)
        return Head("a")

    sets.catalogue().choose("OB", MAY, head)
    assert read == []
    sets.catalogue().choose("OB", datetime(2026, 4, 1, tzinfo=UTC), head)
    assert read == [1]


def test_what_requires_another_takes_its_place(sets: Sets) -> None:
    sets.add("base@1", BASE)
    sets.add("vat@1", f'{VAT}\nrequires = ["base@1"]')
    sets.add(
        "ours@1",
        'berichtsoorten = ["OB"]\nvalid_from = 2026-01-01\nvalid_until = 2026-12-31\n'
        'requires = ["vat@1"]',
    )
    catalogue = sets.catalogue()

    during = catalogue.choose("OB", MAY, no_head)
    assert (chosen(during), codes(during)) == ("ours@1", ["BASE", "VAT", "OURS"])
    later = catalogue.choose("OB", datetime(2027, 5, 1, tzinfo=UTC), no_head)
    assert (chosen(later), codes(later)) == ("vat@1", ["BASE", "VAT"])


def test_what_requires_another_takes_its_place_for_its_own_documents(sets: Sets) -> None:
    sets.add("vat@1", VAT)
    sets.add("ours@1", f'{VAT}\nrequires = ["vat@1"]\n[applies]\nroot = ["a"]')
    catalogue = sets.catalogue()

    assert chosen(catalogue.choose("OB", MAY, about("<a/>"))) == "ours@1"
    assert chosen(catalogue.choose("OB", MAY, about("<b/>"))) == "vat@1"


def test_the_order_in_which_sets_are_loaded_does_not_matter(sets: Sets) -> None:
    sets.add("base@1", BASE)
    sets.add("vat@1", f'{VAT}\nrequires = ["filing@1", "base@1"]')
    sets.add("filing@1", 'berichtsoorten = []\nvalid_from = 2001-01-01\nrequires = ["base@1"]')

    found = {
        (catalogue.digest, tuple(codes(catalogue.choose("OB", MAY, no_head))))
        for order in permutations(sets.loaded)
        for catalogue in (catalogue_of(order),)
    }

    assert [given for _, given in found] == [("BASE", "FILING", "VAT")]


def test_the_digest_is_of_all_sets(sets: Sets) -> None:
    sets.add("base@1", BASE)
    one = sets.catalogue().digest
    sets.add("vat@1", VAT)

    assert sets.catalogue().digest != one


# ------------------------------------------------------------------- no set


def test_a_document_of_no_known_version_is_told_which_are(sets: Sets) -> None:
    sets.add("base@1", BASE)
    for year in (2025, 2026):
        sets.add(
            f"wage@{year}",
            f'{VAT}\nrequires = ["base@1"]\n[applies]\nroot = ["{{urn:{year}}}Loon"]',
        )

    choice = sets.catalogue().choose("OB", MAY, about('<Loon xmlns="urn:2027"/>'))

    assert (chosen(choice), [each.name for each in choice.sets]) == ("", ["base@1"])
    report = judged(choice)
    assert report.outcome is Outcome.INVALID
    assert [(each.code, each.severity) for each in report.findings] == [
        ("VERSIE-ONBEKEND", "error")
    ]
    assert report.findings[0].text == (
        "Van dit bericht is de versie niet bekend. Bekend zijn: "
        "n (versie 2026); n (versie 2025). "
        "Controleer of uw software is bijgewerkt en maak het bericht opnieuw aan."
    )
    assert english(choice) == (
        "The version of this message is not known. Known are: "
        "e (2026: {urn:2026}Loon); e (2025: {urn:2025}Loon)."
    )
    assert judged(choice, stage=Stage.CONTENT).outcome is Outcome.INVALID
    assert codes(choice) == ["BASE", "VERSIE-ONBEKEND", "VERSIE-ONBEKEND"]


def test_of_many_versions_the_newest_are_told(sets: Sets) -> None:
    for number in range(10):
        sets.add(
            f"vat@{number}",
            f"{VAT.replace('2020', str(2010 + number))}\n"
            f'[applies]\nschema_refs = ["http://nl/{number}a", "http://nl/{number}b"]',
        )

    choice = sets.catalogue().choose("OB", MAY, about("<a/>"))

    (text,) = [each.text for each in judged(choice).findings]
    assert "zijn: n (versie 9); n (versie 8);" in text
    assert "n (versie 2); en nog 2. Controleer" in text
    assert english(choice).endswith("e (2: http://nl/2a, +1); and 2 more.")


def test_a_document_of_a_version_of_other_days_is_told_which(sets: Sets) -> None:
    sets.add("vat@1", f'{VAT}\nvalid_until = 2025-12-31\n[applies]\nroot = ["old"]')
    sets.add("vat@2", f'{VAT}\n[applies]\nroot = ["new"]')
    sets.add("vat@3", f'{VAT.replace("2020", "2027")}\n[applies]\nroot = ["next"]')
    catalogue = sets.catalogue()

    was = catalogue.choose("OB", MAY, about("<old/>"))
    will_be = catalogue.choose("OB", MAY, about("<next/>"))
    (old,), (soon,) = judged(was).findings, judged(will_be).findings

    assert (old.code, soon.code) == ("VERSIE-NIET-GELDIG", "VERSIE-NIET-GELDIG")
    assert old.text == (
        "Dit bericht is van een versie die op de dag van aanlevering niet geldig was. "
        "Geldig is versie 1: vanaf 01-01-2020 tot en met 31-12-2025."
    )
    assert soon.text.endswith("Geldig is versie 3: vanaf 01-01-2027.")
    assert english(was) == (
        "This message is of a version that was not valid on the day when it was filed. "
        "Valid is version 1: from 2020-01-01 until 2025-12-31."
    )
    assert english(will_be).endswith("Valid is version 3: from 2027-01-01.")


def test_a_document_that_cannot_be_read_is_of_no_version(sets: Sets) -> None:
    sets.add("vat@1", f'{VAT}\n[applies]\nroot = ["a"]')

    choice = sets.catalogue().choose("OB", MAY, about("no XML"))

    assert [each.code for each in judged(choice, b"no XML").findings] == ["VERSIE-ONBEKEND"]


def test_the_rules_that_all_versions_share_come_first(sets: Sets) -> None:
    layer = RULE.format(id="b", stage="envelope", code="B", use="texts-of-its-own", letters="X")
    sets.add("base@1", BASE, layer.replace("goes_on = true", "goes_on = false"))
    sets.add("filing@1", "berichtsoorten = []\nvalid_from = 2001-01-01")
    sets.add("vat@1", f'{VAT}\nrequires = ["base@1", "filing@1"]\n[applies]\nroot = ["a"]')
    sets.add("vat@2", f'{VAT}\nrequires = ["base@1"]\n[applies]\nroot = ["b"]')

    choice = sets.catalogue().choose("OB", MAY, about("<c/>"))

    assert codes(choice) == ["B", "VERSIE-ONBEKEND", "VERSIE-ONBEKEND"]
    report = judged(choice)
    assert [each.code for each in report.findings] == ["BX"]
    assert [each.came for each in report.trace] == [Came.FAILED, Came.SKIPPED]


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize(
    ("received", "why"),
    [
        (
            datetime(2027, 1, 1, tzinfo=UTC),
            "no rule set is valid for this berichtsoort on 2027-01-01; "
            "the last one ended on 2026-12-31",
        ),
        (
            datetime(2019, 1, 1, tzinfo=UTC),
            'no rule set is for this berichtsoort on 2019-01-01, and none for "*"',
        ),
    ],
)
def test_a_day_without_a_set_is_not_the_filers_mistake(
    received: datetime, why: str, stage: Stage, sets: Sets
) -> None:
    sets.add("vat@1", f"{VAT}\nvalid_until = 2025-12-31")
    sets.add("vat@2", f"{VAT.replace('2020', '2026')}\nvalid_until = 2026-12-31")

    report = judged(sets.catalogue().choose("OB", received, no_head), stage=stage)

    assert report.outcome is Outcome.UNDETERMINED
    assert report.technical.endswith(f" GEEN-REGELSET: {why}")
    assert report.findings == ()


def test_a_set_that_ended_does_not_give_way_to_that_of_everything(sets: Sets) -> None:
    sets.add("base@1", BASE)
    sets.add("vat@1", f'{VAT}\nvalid_until = 2025-12-31\nrequires = ["base@1"]')

    choice = sets.catalogue().choose("OB", MAY, no_head)

    assert codes(choice) == ["BASE", "GEEN-REGELSET", "GEEN-REGELSET"]
    assert judged(choice).outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TechnicalError("no memory to read the document"), "no memory to read the document"),
        (OSError("/secret/place"), "reading the document raised OSError"),
    ],
)
def test_a_document_that_is_not_to_be_had_is_not_the_filers_mistake(
    error: Exception, why: str, sets: Sets
) -> None:
    sets.add("vat@1", f'{VAT}\n[applies]\nroot = ["a"]')

    def head() -> Head:
        raise error

    report = judged(sets.catalogue().choose("OB", MAY, head))

    assert report.outcome is Outcome.UNDETERMINED
    assert report.technical.endswith(f": {why}")


def test_no_set_at_all_is_not_the_filers_mistake() -> None:
    choice = catalogue_of([]).choose("OB", MAY, no_head)

    assert judged(choice).outcome is Outcome.UNDETERMINED


# ------------------------------------------------------------------- two sets for one filing


@pytest.mark.parametrize(
    ("one", "other", "first"),
    [
        (VAT, VAT, "2020-01-01"),
        (f"{VAT}\nvalid_until = 2026-01-01", VAT.replace("2020", "2026"), "2026-01-01"),
        (VAT, f'{VAT.replace("2020", "2030")}\n[applies]\nroot = ["a"]', "2030-01-01"),
        (
            f'{VAT}\n[applies]\nroot = ["a"]',
            f'{VAT}\n[applies]\nschema_refs = ["http://nl/a"]',
            "2020-01-01",
        ),
        (
            f'{VAT}\n[applies]\nroot = ["a", "b"]',
            f'{VAT}\n[applies]\nroot = ["b", "c"]',
            "2020-01-01",
        ),
        (VAT, VAT.replace('"OB"', '"ICP", "OB"'), "2020-01-01"),
    ],
)
def test_two_sets_for_one_filing_are_refused(one: str, other: str, first: str, sets: Sets) -> None:
    sets.add("one@1", one)
    sets.add("two@2", other)

    assert sets.refused() == (
        f'two@2.toml: two@2 and one@1 (one@1.toml) both judge "OB" from {first}: '
        "let one end before (valid_until), tell their documents apart ([applies]), "
        "let one require the other, or leave one out."
    )


def test_two_sets_for_everything_are_refused(sets: Sets) -> None:
    sets.add("one@1", BASE)
    sets.add("two@2", BASE)

    assert 'both judge "*" from 2000-01-01' in sets.refused()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (VAT, VAT.replace("OB", "ICP")),
        (f"{VAT}\nvalid_until = 2025-12-31", VAT.replace("2020", "2026")),
        (f'{VAT}\n[applies]\nroot = ["a"]', f'{VAT}\n[applies]\nroot = ["b"]'),
        (
            f'{VAT}\n[applies]\nroot = ["a"]\nschema_refs = ["http://nl/1"]',
            f'{VAT}\n[applies]\nroot = ["a"]\nschema_refs = ["http://nl/2"]',
        ),
        (BASE, VAT),
        ("berichtsoorten = []\nvalid_from = 2026-01-01", VAT),
    ],
)
def test_sets_that_judge_different_filings_go_together(one: str, other: str, sets: Sets) -> None:
    sets.add("one@1", one)
    sets.add("two@2", other)

    assert [each.name for each in sets.catalogue().sets] == ["one@1", "two@2"]


def test_two_that_require_the_same_do_not_go_together_for_that(sets: Sets) -> None:
    sets.add("vat@1", VAT)
    sets.add("one@1", f'{VAT}\nrequires = ["vat@1"]')
    sets.add("two@1", f'{VAT}\nrequires = ["vat@1"]')

    assert "two@1 and one@1 (one@1.toml) both judge" in sets.refused()


def test_sets_may_be_left_out(sets: Sets) -> None:
    sets.add("vat@1", VAT)
    sets.add("vat@2", VAT)
    sets.add("ours@1", VAT)

    assert [each.name for each in without(sets.loaded, ["vat"])] == ["ours@1"]
    assert [each.name for each in without(sets.loaded, ["vat@1", "ours@1"])] == ["vat@2"]
    assert without(sets.loaded, []) == tuple(sets.loaded)
    with pytest.raises(ConfigurationError) as caught:
        without(sets.loaded, ["vat@3"])
    assert str(caught.value) == (
        "There is no rule set vat@3 to leave out; there is ours@1, vat@1, vat@2."
    )


def test_one_version_is_there_once(sets: Sets) -> None:
    sets.add("one@1", VAT)
    sets.loaded.append(sets.loaded[0])
    assert len(sets.catalogue().stacks) == 1
    sets.add("one@1", f"{VAT}\n# another file")

    assert sets.refused() == "one@1.toml: one@1.toml is one@1 too: give one another version."
