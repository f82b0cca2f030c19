"""The checker of exchanges: a good one passes, and each thing that must not be is found."""

from dataclasses import replace

import pytest

from chaos.exchange import EXCHANGE_INVARIANTS, Came, Sent, check_exchange

ONCE = Sent("a to b", "1@a", (b"one", b"two"), "DELIVERED", once=True)
EFFORT = Sent("a to b", "2@a", (b"three",), "FAILED", once=False)
CAME = Came("a to b", "1@a", (b"one", b"two"))
BAD: dict[str, tuple[str, list[Sent], list[Came]]] = {
    "an id that nobody sent": ("unknown", [ONCE], [CAME, replace(CAME, message_id="3@a")]),
    "the id of the other way": ("unknown", [ONCE], [CAME, replace(CAME, way="b to a")]),
    "once, and gone": ("lost", [replace(ONCE, state="DELIVERED")], []),
    "best effort that arrived, and gone": ("lost", [replace(EFFORT, state="DELIVERED")], []),
    "once, and twice": ("doubled", [ONCE], [CAME, CAME]),
    "best effort, and twice": (
        "doubled",
        [EFFORT],
        [Came("a to b", "2@a", (b"three",))] * 2,
    ),
    "another content": ("changed", [ONCE], [replace(CAME, payloads=(b"one", b"three"))]),
    "another order": ("changed", [ONCE], [replace(CAME, payloads=(b"two", b"one"))]),
    "once, and given up": ("unfinished", [replace(ONCE, state="EXPIRED")], [CAME]),
    "still under way": ("unfinished", [replace(EFFORT, state="PENDING")], []),
}


def test_a_good_exchange_passes() -> None:
    arrived = Came("a to b", "2@a", (b"three",))
    assert check_exchange([ONCE, EFFORT], [CAME]) == ()
    assert check_exchange([ONCE, EFFORT], [arrived, CAME]) == ()


@pytest.mark.parametrize("name", BAD)
def test_what_must_not_be_is_found(name: str) -> None:
    invariant, sent, came = BAD[name]
    assert [each.invariant for each in check_exchange(sent, came)] == [invariant]


def test_every_invariant_is_tried() -> None:
    assert {invariant for invariant, _, _ in BAD.values()} == set(EXCHANGE_INVARIANTS)
