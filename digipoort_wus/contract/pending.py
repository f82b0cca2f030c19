"""What goes into an operation and what comes out of it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from digipoort_wus.process.api import Caller, ProcessApi
from digipoort_wus.process.later import Later

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Request:
    """What an operation knows besides its message.

    Args:
        process: whom it asks.
        caller: who asks.
        parts: decoded octets of every ``inhoud`` of the message, in document order.
        later: takes what is to be written once the answer is signed; None: nobody signs one.
    """

    process: ProcessApi
    caller: Caller
    parts: tuple[bytes, ...] = field(default=(), repr=False)
    later: Later | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A Spyne message whose every ``inhoud`` is a placeholder.

    Args:
        message: instance of one of the models of ``contract.types``.
        contents: the octets that the placeholders stand for, by index.
    """

    message: object
    contents: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Pending(Generic[Result]):
    """An answer that waits for the process.

    Args:
        future: what the process was asked.
        finish: turns its result into the answer; called once, in any thread.
    """

    future: Future[Result]
    finish: Callable[[Result], Answer]
