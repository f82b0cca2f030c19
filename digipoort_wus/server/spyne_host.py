"""Drive a Spyne application with a verified element, and take an element back.

Spyne's own transports are not used: they parse, log and answer by themselves.
Here the one parsed tree goes in and a fresh tree comes out; an exception of an
operation stays that exception, where ``Application.process_request`` would turn
it into a fault with its text.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

import pybase64
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.contract.pending import Answer, Pending, Request
from digipoort_wus.contract.services import ServiceApplication
from digipoort_wus.errors import Refusal
from digipoort_wus.process.api import Caller
from digipoort_wus.process.later import Later
from digipoort_wus.xmlsafe.splice import LargeTexts

# isort: split
# The contract package prepares this import.
from spyne import MethodContext

HandOver = Callable[[Callable[[], None], int], object]
"""Runs a function later, elsewhere; it is told how many rows the answer has."""


def call(
    application: ServiceApplication,
    body_element: etree._Element,
    caller: Caller,
    parts: tuple[bytes, ...] = (),
    *,
    texts: LargeTexts | None = None,
    hand_over: HandOver | None = None,
    later: Later | None = None,
) -> Future[etree._Element]:
    """Run the operation that the element asks for.

    Args:
        application: the service at whose address the message arrived.
        body_element: child of the Body, verified, valid, with a placeholder as
            the text of every ``inhoud``; it is read, never kept or changed.
        caller: who asks.
        parts: decoded octets of every ``inhoud``, in document order.
        texts: takes the contents of the answer, which stand in the element without it.
        hand_over: where to finish an answer that was not ready at once; without
            it that happens in the thread which completes the process's future.
        later: takes what is to be written once the answer is signed.

    Returns:
        The finished response element, done already when the process answered at
        once. It fails with what the operation or the process raised: a Refusal,
        or anything else when the gateway failed. It cannot be cancelled.
    """
    try:
        request = Request(application.process, caller, parts, later)
        future, rest = _start(application, body_element, request, texts)
    except Exception as error:
        return _failed(error)
    answer: Future[etree._Element] = Future()
    answer.set_running_or_notify_cancel()

    def settle(done: Future[object]) -> None:
        outcome = rest.outcome(done)
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    if future.done():
        settle(future)
    elif hand_over is None:
        future.add_done_callback(settle)
    else:
        future.add_done_callback(lambda done: hand_over(partial(settle, done), _rows(done)))
    return answer


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left to do when the process answers.

    It holds nothing of the request, and not the process's future, which never
    forgets its callbacks.
    """

    application: ServiceApplication
    response: Any
    """Spyne's class of the answer."""
    finish: Callable[[Any], Answer]
    texts: LargeTexts | None

    def outcome(self, done: Future[object]) -> etree._Element | Exception:
        """Return what became of it.

        An exception is returned and not set here: its traceback holds this frame,
        and this frame must not hold the future that will hold the exception, or
        megabytes wait for the cycle collector.
        """
        try:
            answer = self.finish(done.result())
            return _element(self.application, self.response, answer, self.texts)
        except Exception as error:
            return error


def _rows(done: Future[object]) -> int:
    outcome = None if done.exception() is not None else done.result()
    return len(outcome) if isinstance(outcome, Sequence) else 1


def _failed(error: Exception) -> Future[etree._Element]:
    answer: Future[etree._Element] = Future()
    answer.set_exception(error)
    return answer


def _start(
    application: ServiceApplication,
    body_element: etree._Element,
    request: Request,
    texts: LargeTexts | None,
) -> tuple[Future[object], _Rest]:
    descriptor = application.descriptors.get(str(body_element.tag))
    if descriptor is None:
        raise Refusal(checks.WSA_BODY, expected=f"a request of {application.service.name}")
    # Spyne reads a text up to the first of these; the schema and the signature read on.
    if next(body_element.iter(etree.Comment), None) is not None:
        raise Refusal(checks.XML_COMMENT)
    if next(body_element.iter(etree.PI), None) is not None:
        raise Refusal(checks.XML_INSTRUCTION)
    context = MethodContext(_Transport(application), MethodContext.SERVER)
    context.descriptor = descriptor
    context.udc = request
    message = application.in_protocol.from_element(context, descriptor.in_message, body_element)
    context.in_object = [message]
    try:
        pending: Pending[object] = application.call_wrapper(context)
    finally:
        # A context refers to itself, and would keep the octets until the collector runs.
        context.udc = context.in_object = None
    return pending.future, _Rest(application, descriptor.out_message, pending.finish, texts)


def _element(
    application: ServiceApplication, response: Any, answer: Answer, texts: LargeTexts | None
) -> etree._Element:
    holder = etree.Element("holder")
    # No context: Spyne's handlers for texts and sequences only pass it on.
    service = application.service
    application.out_protocol.to_parent(None, response, answer.message, holder, service.types)
    # Spyne only adds to a parent; the answer is to be the root of its own document.
    element = etree.Element(holder[0].tag, nsmap={None: service.types})
    element.extend(list(holder[0]))
    if answer.contents:
        for inhoud in element.iter(f"{{{service.types}}}{service.content}"):
            content = answer.contents[int(inhoud.text or "")]
            if texts is not None:
                texts.put(inhoud, content)
            else:
                inhoud.text = pybase64.b64encode_as_string(content)
    return element


@dataclass(frozen=True, slots=True)
class _Transport:
    """What Spyne's context asks of a transport."""

    app: ServiceApplication
