"""Who may hold what, when there is not enough for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.server.budget import Budget, Connections, Room, Share, party_of


@pytest.mark.parametrize(
    ("host", "party"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("/run/a.socket", "/run/a.socket"),
        ("", ""),
    ],
)
def test_one_network_is_one_party(host: str, party: str) -> None:
    assert party_of(host) == party


def test_connections_are_counted_in_total_and_by_address() -> None:
    connections = Connections(20, 10)
    for _ in range(10):
        assert connections.room_for("a") is Room.FREE
        connections.add("a")
    assert connections.room_for("a") is Room.TO_SAY_SO
    connections.add("a")
    assert connections.room_for("a") is Room.NONE
    for number in range(9):
        assert connections.room_for("b") is Room.FREE
        connections.add(f"b{number}")
    assert connections.room_for("b") is Room.TO_SAY_SO
    connections.add("c")
    connections.add("c")
    assert connections.room_for("c") is Room.NONE
    connections.remove("a")
    connections.remove("a")
    connections.remove("a")
    assert connections.room_for("a") is Room.FREE
    assert connections.number == 19


def test_what_nobody_has_any_more_is_forgotten() -> None:
    connections, budget = Connections(10, 10), Budget(100)
    for number in range(5):
        connections.add(str(number))
        connections.remove(str(number))
        share = budget.share(str(number), lambda: None)
        share.take(1)
        share.close()
    assert connections._by_address == {}
    assert budget._accounts == {}


class Body:
    """One body that is coming in."""

    def __init__(self, budget: Budget, address: str) -> None:
        self.given_up = 0
        self.share: Share = budget.share(address, self._give_up)

    def _give_up(self) -> None:
        self.given_up += 1


def test_what_was_announced_but_did_not_come_holds_nothing() -> None:
    budget = Budget(100)
    Body(budget, "a")
    assert budget.octets == 0


def test_one_address_has_half() -> None:
    budget = Budget(100)
    first, second = Body(budget, "a"), Body(budget, "a")
    assert first.share.take(30)
    assert second.share.take(20)
    assert not second.share.take(1)
    assert (first.given_up, second.given_up, budget.octets) == (0, 0, 50)
    assert not first.share.has_room()
    second.share.close()
    assert first.share.has_room()
    assert first.share.take(20)


def test_whoever_holds_most_makes_room_for_whoever_holds_little() -> None:
    """Else two addresses could lock everybody else out for as long as a body may take."""
    budget = Budget(100)
    a, b = [Body(budget, "a") for _ in range(2)], [Body(budget, "b") for _ in range(2)]
    for body, octets in zip((*a, *b), (10, 40, 20, 30), strict=True):
        assert body.share.take(octets)
    little = Body(budget, "c")
    assert little.share.take(5)
    # Of the address that holds most, or one of them, the largest body.
    assert [body.given_up for body in (*a, *b)] == [0, 1, 0, 0]
    assert not a[1].share.take(1)
    assert budget.octets == 65


def test_whoever_holds_most_gets_no_room_from_others() -> None:
    budget = Budget(100)
    most, other = Body(budget, "a"), Body(budget, "b")
    assert most.share.take(50)
    assert other.share.take(49)
    assert other.share.take(1)
    third = Body(budget, "c")
    assert third.share.take(49)
    assert (most.given_up, other.given_up) in ((1, 0), (0, 1))
    assert not third.share.take(2)


def test_a_complete_request_is_never_thrown_away() -> None:
    budget = Budget(100)
    complete, coming = Body(budget, "a"), Body(budget, "b")
    assert complete.share.take(50)
    complete.share.keep()
    assert coming.share.take(45)
    little = Body(budget, "c")
    assert little.share.take(10)
    assert (complete.given_up, coming.given_up) == (0, 1)
    assert complete.share.octets == 50


def test_what_is_in_memory_already_is_charged_even_when_it_is_too_much() -> None:
    budget = Budget(100)
    answer = Body(budget, "a")
    answer.share.charge(300)
    assert not answer.share.has_room()
    small = Body(budget, "b")
    assert not small.share.take(1)
    answer.share.close()
    answer.share.close()
    assert small.share.take(1)
    assert budget.octets == 1


def test_a_closed_share_holds_nothing_any_more() -> None:
    budget = Budget(100)
    body = Body(budget, "a")
    body.share.close()
    body.share.charge(10)
    assert not body.share.take(10)
    assert budget.octets == 0


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40), st.sampled_from("tkc")), max_size=60)
)
def test_the_whole_is_never_more_than_there_is(steps: list[tuple[int, int, str]]) -> None:
    budget = Budget(100)
    bodies = [Body(budget, "abc"[number % 3]) for number in range(6)]
    for number, octets, step in steps:
        share = bodies[number].share
        before = budget.octets
        if step == "k":
            share.keep()
        elif step == "c":
            share.close()
            bodies[number] = Body(budget, share.address)
        elif share.take(octets):
            assert share.octets >= octets
        else:
            assert budget.octets <= before
        held = sum(body.share.octets for body in bodies if body.share._open)
        assert held == budget.octets <= 100
        for account in budget._accounts.values():
            assert account.octets <= 50
