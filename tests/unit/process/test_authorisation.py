"""Who may do what: denied unless a row grants it, and a row speaks for itself alone."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from digipoort_wus import checks, names
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.party import Party
from digipoort_wus.process.authorisation import (
    EVERYBODY,
    EVERYTHING,
    OWN,
    AuthorisationTable,
    MailboxMandate,
    Others,
    PartyRow,
    Right,
    authorisation_table,
    may_file,
    require_enabled,
    require_filing,
    require_right,
    right_of,
)

OINS = [f"0000009900000000{number}000" for number in range(1, 5)]
OIN = OINS[0]
OIN_WITHOUT_ROW = "00000099000000009000"
FI = Party("001000044B37", "Fi")
ROW = PartyRow(
    OIN,
    rights=frozenset({Right.AANLEVEREN}),
    berichtsoorten=("Omzetbelasting", "Aangifte_*"),
    belanghebbenden=("Fi:001000044B37", "LHnr:0010000*", OWN),
)

oins = st.sampled_from(OINS)
words = st.text("ABab_", max_size=4)
soorten = st.lists(
    st.builds(lambda word, star: word + star or "A", words, st.sampled_from(["", "*"]))
)
kinds = st.sampled_from(["Fi", "fi", "OIN", "BTW"])
numbers = st.text("01", min_size=1, max_size=3)
parties = st.builds(Party, numbers, kinds)
patterns = st.one_of(
    st.sampled_from([EVERYTHING, OWN]),
    st.builds(
        lambda kind, number, star: f"{kind}:{number}{star}",
        kinds,
        numbers,
        st.sampled_from(["", "*"]),
    ),
)


@st.composite
def rows(draw: st.DrawFn, of: st.SearchStrategy[str] = oins) -> PartyRow:
    granted = draw(st.frozensets(st.sampled_from(Right), min_size=1))
    return PartyRow(
        draw(of),
        disabled=draw(st.sampled_from(["", "", "", "unpaid"])),
        rights=granted,
        berichtsoorten=(*draw(soorten), "Omzetbelasting"),
        belanghebbenden=(*draw(st.lists(patterns)), "Fi:1"),
    )


distinct_rows = st.lists(rows(), unique_by=lambda row: row.oin)


def verdict(
    table: AuthorisationTable, oin: str, right: Right, soort: str, party: Party
) -> str | None:
    """Return the check that refuses, None when everything passes."""
    try:
        row = require_enabled(table, oin, None)
        require_right(row, right)
        if right is Right.AANLEVEREN:
            require_filing(row, soort, party)
    except Refusal as refusal:
        return refusal.check.id
    return None


# --- Properties -------------------------------------------------------------------


@given(distinct_rows, oins, st.sampled_from(Right), words, parties)
def test_who_has_no_row_may_nothing(
    table: list[PartyRow], oin: str, right: Right, soort: str, party: Party
) -> None:
    assume(oin not in {row.oin for row in table})
    assert verdict(authorisation_table(table), oin, right, soort, party) == "PARTY-ENABLED"
    open_table = authorisation_table(table, others=Others.ADMITTED)
    assert verdict(open_table, oin, right, soort, party) is None


@given(distinct_rows, rows(), st.sampled_from(Others), st.sampled_from(Right), words, parties)
def test_disabled_wins_over_everything(
    table: list[PartyRow], row: PartyRow, others: Others, right: Right, soort: str, party: Party
) -> None:
    everything = PartyRow(
        row.oin,
        disabled="unpaid",
        rights=frozenset(Right),
        berichtsoorten=(EVERYTHING,),
        belanghebbenden=(EVERYTHING,),
    )
    rest = [other for other in table if other.oin != row.oin]
    for disabled in (everything, replace(row, disabled="unpaid")):
        made = authorisation_table([*rest, disabled], others=others)
        assert verdict(made, row.oin, right, soort, party) == "PARTY-ENABLED"
        with pytest.raises(Refusal) as caught:
            require_enabled(
                authorisation_table([*rest, disabled], others=Others.ADMITTED),
                OIN_WITHOUT_ROW,
                row.oin,
            )
        assert caught.value.check is checks.PARTY_ENABLED


@given(rows(), distinct_rows, st.sampled_from(Others), st.sampled_from(Right), words, parties)
def test_the_rows_of_others_change_nothing(
    row: PartyRow,
    table: list[PartyRow],
    others: Others,
    right: Right,
    soort: str,
    party: Party,
) -> None:
    """However wide the rights of another party are, among them ``*`` for everything."""
    wide = [
        replace(
            other,
            rights=frozenset(Right),
            berichtsoorten=(EVERYTHING,),
            belanghebbenden=(EVERYTHING,),
        )
        for other in table
        if other.oin != row.oin
    ]
    alone = authorisation_table([row], others=others)
    among = authorisation_table([*wide, row], others=others)
    asked = (row.oin, right, soort, party)
    assert verdict(among, *asked) == verdict(alone, *asked)


@given(distinct_rows, oins, st.sampled_from(Right), words, parties, st.data())
def test_the_order_of_rows_and_of_what_they_list_is_irrelevant(
    table: list[PartyRow], oin: str, right: Right, soort: str, party: Party, data: st.DataObject
) -> None:
    mixed = [
        replace(
            row,
            berichtsoorten=tuple(data.draw(st.permutations(row.berichtsoorten))),
            belanghebbenden=tuple(data.draw(st.permutations(row.belanghebbenden))),
        )
        for row in data.draw(st.permutations(table))
    ]
    asked = (oin, right, soort, party)
    assert verdict(authorisation_table(mixed), *asked) == verdict(
        authorisation_table(table), *asked
    )


@given(rows(), st.sampled_from(Right), words, parties)
def test_a_right_is_granted_exactly_when_the_row_names_it(
    row: PartyRow, right: Right, soort: str, party: Party
) -> None:
    """Against a second reading of the row, written the other way round."""

    def listed(pattern: str, text: str) -> bool:
        return text[: len(pattern) - 1] == pattern[:-1] if pattern[-1:] == "*" else text == pattern

    def for_whom(pattern: str) -> bool:
        if pattern == "own":
            return party.type.lower() == "oin" and party.number == row.oin
        kind, colon, number = pattern.partition(":")
        return pattern == "*" or (
            colon == ":" and kind.lower() == party.type.lower() and listed(number, party.number)
        )

    granted = right in row.rights and (
        right is not Right.AANLEVEREN
        or (
            any(listed(pattern, soort) for pattern in row.berichtsoorten)
            and any(map(for_whom, row.belanghebbenden))
        )
    )
    expected = "PARTY-ENABLED" if row.disabled else None if granted else "PARTY-AUTHORISED"
    assert verdict(authorisation_table([row]), row.oin, right, soort, party) == expected


@given(distinct_rows, st.data())
def test_two_rows_for_one_party_are_refused(table: list[PartyRow], data: st.DataObject) -> None:
    assume(table)
    again = data.draw(rows(of=st.sampled_from([row.oin for row in table])))
    for both in ([*table, again], [again, *table]):
        with pytest.raises(ConfigurationError, match=f"party {again.oin} has two rows"):
            authorisation_table(both)


# --- Cases ------------------------------------------------------------------------

FILINGS: dict[str, tuple[str, Party, bool]] = {
    "what the row names": ("Omzetbelasting", FI, True),
    "another type, in other letters": ("Omzetbelasting", Party(FI.number, "FI"), True),
    "what begins as the row says": ("Aangifte_LH", Party("001000044L01", "LHnr"), True),
    "the beginning itself": ("Aangifte_", Party("0010000", "LHnr"), True),
    "the party itself": ("Omzetbelasting", Party(OIN, "OIN"), True),
    "another berichtsoort": ("ICP", FI, False),
    "a longer berichtsoort": ("Omzetbelasting2", FI, False),
    "other letters": ("omzetbelasting", FI, False),
    "the pattern as a name": ("Aangifte*", FI, False),
    "another number": ("Omzetbelasting", Party("001000044B38", "Fi"), False),
    "the number in another register": ("Omzetbelasting", Party(FI.number, "BTW"), False),
    "the number in a register that Unicode takes for it": (
        "Omzetbelasting",
        Party(FI.number, "\ufb01"),
        False,
    ),
    "the party itself, in a register that Unicode takes for it": (
        "Omzetbelasting",
        Party(OIN, "O\u0131N"),
        False,
    ),
    "another party": ("Omzetbelasting", Party(OINS[1], "OIN"), False),
    "nobody": ("Omzetbelasting", Party("", ""), False),
}


@pytest.mark.parametrize("name", FILINGS)
def test_what_a_row_lets_file(name: str) -> None:
    soort, party, allowed = FILINGS[name]
    assert may_file(ROW, soort, party) is allowed
    if allowed:
        require_filing(ROW, soort, party)
        return
    with pytest.raises(Refusal) as caught:
        require_filing(ROW, soort, party)
    assert caught.value.check is checks.PARTY_AUTHORISED
    for text in (caught.value.explanation(), caught.value.uitleg()):
        assert party.number not in text or not party.number, "a number may be a person's"


def test_a_row_without_aanleveren_files_nothing() -> None:
    row = replace(ROW, rights=frozenset(set(Right) - {Right.AANLEVEREN}))
    assert not may_file(row, "Omzetbelasting", FI)
    with pytest.raises(Refusal) as caught:
        require_filing(row, "Omzetbelasting", FI)
    assert caught.value.check is checks.PARTY_AUTHORISED


def test_the_tls_peer_needs_no_row_but_may_not_be_disabled() -> None:
    other = PartyRow(OINS[1], rights=frozenset({Right.ECHO}))
    assert require_enabled(authorisation_table([ROW]), OIN, OINS[1]) is ROW
    assert require_enabled(authorisation_table([ROW, other]), OIN, OINS[1]) is ROW
    with pytest.raises(Refusal) as caught:
        require_enabled(authorisation_table([ROW, replace(other, disabled="x")]), OIN, OINS[1])
    assert caught.value.check is checks.PARTY_ENABLED
    with pytest.raises(Refusal):
        require_enabled(authorisation_table([other]), OIN, OINS[1])


def test_the_reason_why_a_party_is_disabled_is_not_told() -> None:
    with pytest.raises(Refusal) as caught:
        authorisation_table([replace(ROW, disabled="did not pay")]).row(OIN)
    assert "pay" not in caught.value.explanation() + caught.value.uitleg()


def test_mailboxes_are_those_of_the_mandates() -> None:
    first, second = MailboxMandate(OIN, FI), MailboxMandate(OIN, Party("1", "BTW"))
    other = MailboxMandate(OINS[1], Party("2", "Fi"))
    for order in permutations((first, second, other)):
        table = authorisation_table((), order)
        assert table.mailboxes_of(OIN) == {FI, Party("1", "BTW")}
        assert table.mailboxes_of(OINS[1]) == {Party("2", "Fi")}
        assert table.mailboxes_of(OINS[2]) == frozenset()


def test_every_service_has_a_right() -> None:
    assert {right_of(service) for service in names.ENDPOINTS.values()} == set(Right) - {Right.EBMS}
    assert right_of(names.AANLEVER) is Right.AANLEVEREN
    unheard_of = replace(names.AANLEVER, name="AfleverService")
    with pytest.raises(KeyError):
        right_of(unheard_of)


def test_a_sandbox_without_rows_lets_everybody_do_everything() -> None:
    for right in Right:
        assert verdict(EVERYBODY, OIN, right, "TEST", FI) is None
    assert EVERYBODY.row(OIN).oin == OIN
    assert EVERYBODY.row(OIN).requests_per_minute is None


def grants(**changes: object) -> Callable[[], PartyRow]:
    return lambda: replace(ROW, **changes)  # type: ignore[arg-type]


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "an OIN that is none": (grants(oin="1"), "party.oin: '1' is not an OIN"),
    "an OIN with a wildcard": (grants(oin="0000009900000000000*"), "party.oin"),
    "nothing granted": (grants(rights=frozenset()), "no operations"),
    "no berichtsoort": (grants(berichtsoorten=()), "berichtsoorten"),
    "an empty berichtsoort": (grants(berichtsoorten=("",)), "'' is no berichtsoort"),
    "a star in the middle": (grants(berichtsoorten=("A*B",)), "'A\\*B' is no berichtsoort"),
    "two stars": (grants(berichtsoorten=("**",)), "is no berichtsoort"),
    "no belanghebbende": (grants(belanghebbenden=()), "belanghebbenden"),
    "a number alone": (grants(belanghebbenden=("001000044B37",)), "is no belanghebbende"),
    "a type alone": (grants(belanghebbenden=("Fi:",)), "is no belanghebbende"),
    "a type with a star": (grants(belanghebbenden=("F*:1",)), "is no belanghebbende"),
    "a star at the front": (grants(belanghebbenden=("Fi:*1",)), "is no belanghebbende"),
    "a limit of nothing": (grants(requests_per_minute=0), "requests_per_minute is at least 1"),
    "a limit below nothing": (grants(bytes_per_day=-1), "bytes_per_day is at least 1"),
    "a mandate for no OIN": (lambda: MailboxMandate("x", FI), "mandates.oin"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_row_that_can_mean_nothing_is_refused(name: str) -> None:
    make, words_of_it = WRONG[name]
    with pytest.raises(ConfigurationError, match=words_of_it):
        make()
