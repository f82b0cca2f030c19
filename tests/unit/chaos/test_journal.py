"""What everybody saw is read back in order, but for a line that was cut off."""

from pathlib import Path

from chaos.journal import Event, Fault, Journal, read


def test_values_come_back_in_the_order_of_their_moments(tmp_path: Path) -> None:
    first, second = Journal(tmp_path / "a"), Journal(tmp_path / "b")
    late = Event(3.0, "ok", "read", "1", kenmerk="k", statuses=(("100", "then"),))
    early = Event(1.0, "invoke", "file", "1", "urn:uuid:1", "aa")
    first.write(late)
    second.write(early)
    first.close()
    second.close()
    assert read(Event, tmp_path / "a", tmp_path / "b", tmp_path / "missing") == [early, late]


def test_half_a_line_of_who_was_killed_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "faults"
    journal = Journal(path)
    journal.write(Fault(1.0, "ready", "a"))
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"at": 2.0, "kind": "re')
    assert read(Fault, path) == [Fault(1.0, "ready", "a")]
