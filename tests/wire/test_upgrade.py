"""A data directory of version 3, with a filing in every state, behind a gateway of today.

``version_3_states.sql`` is a dump of a database that the code of version 3 made: it was stopped
in the middle of one filing after the other, and each is named by where it was. What follows is
seen through the services alone, over mutual TLS.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from digipoort_wus.names import TYPES
from tests.messages import query_body
from tests.wire.conftest import Running, body_of, served, with_pki

DUMP = Path(__file__).parents[1] / "unit" / "store" / "version_3_states.sql"
HAPPY = ["105", "100", "110", "200", "301", "301", "405", "400", "500"]
AT = "00000000-0000-4000-8000-0000000000{:02d}"
KENMERK = {
    "done": AT.format(1),
    "unread": AT.format(7),
    "refused": AT.format(11),
    "halfway": AT.format(14),
    "validated": AT.format(17),
    "delivered": AT.format(20),
    "waiting": AT.format(23),
    "received": AT.format(26),
}
BEFORE = {
    "done": 9,
    "unread": 9,
    "refused": 5,
    "halfway": 5,
    "validated": 7,
    "delivered": 8,
    "waiting": 8,
    "received": 3,
}
"""How many statuses each had before."""


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = with_pki(tmp_path_factory.mktemp("upgrade") / "data")
    connection = sqlite3.connect(directory / "digipoort.db")
    connection.executescript(DUMP.read_text("utf-8"))
    rows = dict(connection.execute("SELECT aanleverkenmerk, kenmerk FROM filing"))
    counted = dict(
        connection.execute(
            "SELECT aanleverkenmerk, count(*) FROM filing f JOIN status s ON s.filing_id = f.id "
            "GROUP BY f.id"
        )
    )
    connection.close()
    assert (rows, counted) == (KENMERK, BEFORE)
    with served(directory) as running:
        yield running


def values(gateway: Running, operation: str, name: str) -> list[str]:
    """Ask a question about the whole mailbox, and return the texts of one element."""
    answer = gateway.ask(operation, query_body(operation))
    assert answer.status_code == 200, answer.text
    return [str(found.text) for found in body_of(answer).iter(f"{{{TYPES}}}{name}")]


def new_statuses(gateway: Running, state: str) -> list[str]:
    name = "getNieuweStatussenProces"
    answer = gateway.ask(name, query_body(name, KENMERK[state]))
    assert answer.status_code == 200, answer.text
    return [str(found.text) for found in body_of(answer).iter(f"{{{TYPES}}}statuscode")]


EXPECTED = {
    **dict.fromkeys(("done", "unread", "validated", "delivered"), HAPPY),
    # What was not validated yet is so by the rules of today, which ask for a schemaRef.
    **{state: [*HAPPY[:5], "311"] for state in ("halfway", "received")},
    "refused": ["105", "100", "110", "200", "311"],
    # A second 405: delivery is tried again, and now it succeeds.
    "waiting": [*HAPPY[:7], "420", "405", "400", "500"],
}


@pytest.mark.parametrize("state", EXPECTED)
def test_every_filing_comes_to_its_end(upgraded: Running, state: str) -> None:
    assert upgraded.wait_for(KENMERK[state], "500", "311") == EXPECTED[state]


def test_what_was_fetched_is_not_new_and_the_rest_is(upgraded: Running) -> None:
    for state, codes in EXPECTED.items():
        upgraded.wait_for(KENMERK[state], "500", "311")
        assert new_statuses(upgraded, state) == ([] if state == "done" else codes), state
        assert new_statuses(upgraded, state) == []


def test_messages_are_there_and_the_unread_ones_are_new_once(upgraded: Running) -> None:
    for state in EXPECTED:
        upgraded.wait_for(KENMERK[state], "500", "311")
    with_message = {kenmerk for state, kenmerk in KENMERK.items() if EXPECTED[state][-1] == "500"}
    everything = values(upgraded, "getBerichten", "kenmerk")
    assert set(everything) == with_message
    new = values(upgraded, "getNieuweBerichten", "kenmerk")
    assert set(new) == with_message - {KENMERK["done"]}
    assert values(upgraded, "getNieuweBerichten", "kenmerk") == []


def test_it_takes_filings_as_before_and_keeps_what_it_was(upgraded: Running) -> None:
    assert upgraded.wait_for(upgraded.submit(reference="new"), "500") == HAPPY
    assert (upgraded.directory / "digipoort.db.before-v6").is_file()
