"""Writes with documents, which are sealed before the writer is asked for anything."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from datetime import datetime
from functools import partial
from typing import TypeVar

from digipoort_wus.filing.content import size_of
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.texts import require_sendable
from digipoort_wus.process.reports import foresee_local_offer, offer_locally
from digipoort_wus.store.files import IN_ROW_BELOW
from digipoort_wus.store.ports import Prepared, Reader, Store, StoreFailed, Transaction

T = TypeVar("T")
Work = Callable[[Transaction], T]
"""Something to be written."""


def write_with(
    store: Store,
    executor: Executor,
    documents: Sequence[Document],
    judge: Callable[[Reader], object],
    work: Callable[[Prepared], Callable[[Transaction], T]],
    request: bytes | None = None,
) -> "Future[T]":
    """Write something together with its documents.

    Large documents are made durable outside the writer, which everybody waits for. What is
    refused leaves no file: most of it is refused before one is written, and the rest is
    removed before the refusal is told.

    Args:
        store: takes it.
        executor: for large documents.
        documents: of one filing or return message.
        judge: refuses what ``work`` is certain to refuse; only asked before large documents.
        work: returns what keeps them; it may read them, for it is not called in the writer.
        request: what shows the signed request again.
    """
    sizes = (len(request or b""), *(size_of(document.content) for document in documents))
    if max(sizes) < IN_ROW_BELOW:
        return store.write(work(store.prepare(documents, request)))
    outer: Future[T] = begun_future()

    def prepare() -> tuple[Prepared, Callable[[Transaction], T]]:
        store.read(judge)
        prepared = store.prepare(documents, request)
        try:
            return prepared, work(prepared)
        except BaseException:
            store.discard(prepared)
            raise

    def write(made: Future[tuple[Prepared, Callable[[Transaction], T]]]) -> None:
        error = made.exception()
        if error is not None:
            outer.set_exception(error)
        else:
            prepared, keep = made.result()
            written = store.write(keep)
            written.add_done_callback(partial(let_go, prepared))

    def let_go(prepared: Prepared, written: Future[T]) -> None:
        error = written.exception()
        if isinstance(error, StoreFailed):
            store.let_go(prepared)
            copy_outcome(outer, written)
            return
        gone = store.discard(prepared)
        if error is None:
            copy_outcome(outer, written)
        else:
            gone.add_done_callback(lambda _: copy_outcome(outer, written))

    executor.submit(prepare).add_done_callback(write)
    return outer


def write_message(
    store: Store, executor: Executor, message: ReturnMessage, now: datetime
) -> "Future[None]":
    """Put a message into the mailbox of its belanghebbende; resolves after the commit.

    The future fails with a Refusal when it is of no process here, is for another belanghebbende,
    or has the berichtkenmerk of another; the same message again changes nothing.

    Args:
        store: takes it.
        executor: for large documents.
        message: of a kenmerk that was filed.
        now: moment of its evidence.

    Raises:
        NotSendable: no answer can hold one of its texts.
    """
    require_sendable(message)

    def judge(reader: Reader) -> object:
        return foresee_local_offer(reader, message)

    def work(prepared: Prepared) -> Callable[[Transaction], None]:
        def put(transaction: Transaction) -> None:
            offer_locally(transaction, message, prepared, now)

        return put

    return write_with(store, executor, (message.document, *message.attachments), judge, work)


def begun_future() -> "Future[T]":
    """Return a future that cannot be cancelled: what it stands for is under way."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    return future


def copy_outcome(outer: "Future[T]", inner: "Future[T]") -> None:
    """Resolve a future as another one has."""
    error = inner.exception()
    if error is not None:
        outer.set_exception(error)
    else:
        outer.set_result(inner.result())
