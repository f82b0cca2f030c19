import sys

from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.rules.kinds.seen import Seen

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-70, 70)


@given(st.lists(NUMBERS, max_size=300))
def test_it_is_a_set(numbers: list[int]) -> None:
    seen, like = Seen(), set[int]()
    for number in numbers:
        # Of 64-bit numbers, 0 and 1 are one.
        number = number or 1
        assert (number in seen) is (number in like)
        assert seen.add(number) is (number not in like)
        like.add(number)
    assert len(seen) == len(like)


def test_zero_is_a_number_too() -> None:
    seen = Seen()
    assert 0 not in seen
    assert seen.add(0)
    assert 0 in seen
    assert not seen.add(0)


def test_it_is_small() -> None:
    seen = Seen()
    for number in range(200_000):
        seen.add(hash(str(number)))
    assert len(seen) == 200_000
    assert sys.getsizeof(seen._room) < 28 * len(seen)
