"""A thread that ends with what it does."""

import gc
import threading
import weakref

import pytest

from digipoort_wus.xmlsafe.apart import apart, is_apart


def test_work_is_done_in_a_thread_of_its_own_that_ends() -> None:
    before = set(threading.enumerate())
    assert not is_apart()
    thread, inner, inside = apart(
        lambda: (threading.current_thread(), apart(threading.current_thread), is_apart())
    )
    assert thread is not threading.current_thread()
    assert not thread.is_alive()
    assert inside
    assert inner is thread
    assert set(threading.enumerate()) <= before


def test_an_exception_comes_out_and_holds_nothing() -> None:
    class Held:
        pass

    class Failed(Exception):
        pass

    def fail(of: list[Held]) -> None:
        held = of.pop()
        raise Failed(type(held).__name__)

    given = [Held()]
    alive = weakref.ref(given[0])
    gc.disable()
    try:
        with pytest.raises(Failed, match="Held"):
            apart(lambda: fail(given))
        # The traceback held the frame, and pytest the traceback: nothing else does.
        assert alive() is None
    finally:
        gc.enable()


def test_without_threads_it_is_memory_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(MemoryError):
        apart(lambda: None)
