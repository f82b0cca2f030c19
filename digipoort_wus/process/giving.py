"""Hands out what is new, and has it marked as given: each to one who asks, and none is lost."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import TypeVar

from digipoort_wus.process.later import Later, Overtaken
from digipoort_wus.process.writing import Work, begun_future
from digipoort_wus.store.ports import Store

T = TypeVar("T")


def give(
    ask: "Callable[[], Future[tuple[T, Work[None] | None]]]",
    store: Store,
    executor: Executor,
    later: Later | None,
) -> "Future[T]":
    """Return what was asked for, and have it marked.

    Args:
        ask: reads it; returns also what marks it, which fails with Overtaken when some of it was
            given to another since; None: nothing is to be marked.
        store: marks it.
        executor: asks again.
        later: takes what marks it, to be written once the answer is signed; None: it is marked
            before it is returned, and asked for again when somebody was first.
    """
    outer: Future[T] = begun_future()

    def begin() -> None:
        ask().add_done_callback(mark)

    def mark(found: "Future[tuple[T, Work[None] | None]]") -> None:
        if (error := found.exception()) is not None:
            outer.set_exception(error)
            return
        value, work = found.result()
        if work is None:
            outer.set_result(value)
        elif later is not None:
            later.owe(partial(store.write, work))
            outer.set_result(value)
        else:
            store.write(work).add_done_callback(partial(tell, value))

    def tell(value: T, marked: "Future[None]") -> None:
        error = marked.exception()
        if isinstance(error, Overtaken):
            executor.submit(begin)
        elif error is not None:
            outer.set_exception(error)
        else:
            outer.set_result(value)

    begin()
    return outer
