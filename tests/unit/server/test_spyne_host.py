"""Driving Spyne: futures, exceptions, trees, and what is kept in memory."""

import gc
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
from lxml import etree

from digipoort_wus import checks, names
from digipoort_wus.contract import schema
from digipoort_wus.contract.services import ServiceApplication, make_applications
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.filing.filing import Delivery, Filing
from digipoort_wus.process.api import Caller
from digipoort_wus.server.spyne_host import call
from tests.unit.contract.memory import CALLER, NOON, MemoryProcess

SECRET = "SECRET-OF-THE-SENDER"
REQUEST = (
    f'<x:aanleverRequest xmlns:x="{names.TYPES}">'
    f"<x:berichtsoort>{SECRET}</x:berichtsoort>"
    "<x:identiteitBelanghebbende><x:nummer>1</x:nummer><x:type>Fi</x:type>"
    "</x:identiteitBelanghebbende><x:rolBelanghebbende>Bedrijf</x:rolBelanghebbende>"
    "<x:berichtInhoud><x:mimeType>text/xml</x:mimeType><x:bestandsnaam>a</x:bestandsnaam>"
    "<x:inhoud>0000</x:inhoud></x:berichtInhoud></x:aanleverRequest>"
)
PARTS = (b"content",)


class SlowProcess(MemoryProcess):
    """Answers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.commit: Future[Filing] = Future()
        self.accepted: Filing | None = None

    def accept(self, caller: Caller, delivery: Delivery) -> Future[Filing]:
        self.accepted = super().accept(caller, delivery).result()
        return self.commit

    def answer(self) -> None:
        assert self.accepted is not None
        self.commit.set_result(self.accepted)

    def forget(self) -> None:
        self.filings.clear()
        self.accepted, self.commit = None, Future()


class BrokenProcess(MemoryProcess):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def accept(self, caller: Caller, delivery: Delivery) -> Future[Filing]:
        raise self.error


def request(text: str = REQUEST) -> etree._Element:
    envelope = etree.fromstring(f"<e><header>{SECRET}</header><body>{text}</body></e>")
    return envelope[1][0]


def aanlever(process: MemoryProcess) -> ServiceApplication:
    return make_applications(process)["AanleverService"]


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_done_at_once_when_the_process_is() -> None:
    answer = call(aanlever(MemoryProcess()), request(), CALLER, PARTS)
    assert answer.done()
    schema.validate(answer.result())


def test_the_answer_is_a_tree_of_its_own() -> None:
    body = request()
    before = etree.tostring(body.getroottree())
    answer = call(aanlever(MemoryProcess()), body, CALLER, PARTS).result()
    assert answer.getparent() is None
    assert answer.getroottree().getroot() is answer
    assert answer.nsmap == {None: names.TYPES}
    assert etree.tostring(body.getroottree()) == before


def test_the_answer_waits_for_the_commit() -> None:
    process = SlowProcess()
    answer = call(aanlever(process), request(), CALLER, PARTS)
    assert not answer.done()
    thread = threading.Thread(target=process.answer)
    thread.start()
    schema.validate(answer.result(timeout=5))
    thread.join()


def test_a_waiting_answer_cannot_be_cancelled() -> None:
    process = SlowProcess()
    answer = call(aanlever(process), request(), CALLER, PARTS)
    assert not answer.cancel()
    process.answer()
    assert answer.done()


def test_a_late_answer_is_finished_where_the_caller_wants() -> None:
    process, later = SlowProcess(), list[tuple[Callable[[], None], int]]()
    answer = call(aanlever(process), request(), CALLER, PARTS, hand_over=lambda *a: later.append(a))
    process.answer()
    assert not answer.done()
    ((finish, rows),) = later
    assert rows == 1
    finish()
    schema.validate(answer.result(timeout=0))


def test_an_early_answer_is_not_handed_over() -> None:
    later: list[object] = []
    process = MemoryProcess()
    answer = call(aanlever(process), request(), CALLER, PARTS, hand_over=lambda *a: later.append(a))
    assert answer.done()
    assert later == []


ERRORS = [Refusal(checks.KENMERK_CONTINUE), RuntimeError(SECRET), KeyError(SECRET)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_exception_comes_out_as_itself(
    error: Exception, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    at_once = call(aanlever(BrokenProcess(error)), request(), CALLER, PARTS)
    assert at_once.exception(timeout=0) is error

    process = SlowProcess()
    late = call(aanlever(process), request(), CALLER, PARTS)
    process.commit.set_exception(error)
    assert late.exception(timeout=0) is error
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


def test_an_answer_that_cannot_be_written_fails() -> None:
    process = SlowProcess()
    answer = call(aanlever(process), request(), CALLER, PARTS)
    delivery = MemoryProcess().accept(CALLER, Delivery("a", *3 * (None,))).result().delivery  # type: ignore[arg-type]
    process.commit.set_result(Filing("k\x00", "b", CALLER.oin, NOON, delivery))
    assert answer.exception(timeout=0) is not None


def test_a_cancelled_process_fails_the_answer() -> None:
    process = SlowProcess()
    answer = call(aanlever(process), request(), CALLER, PARTS)
    process.commit.cancel()
    assert answer.exception(timeout=0) is not None


def test_an_element_of_another_service_is_refused() -> None:
    application = make_applications(MemoryProcess())["OphaalService"]
    error = call(application, request(), CALLER, PARTS).exception(timeout=0)
    assert isinstance(error, Refusal)
    assert error.check is checks.WSA_BODY


@pytest.mark.parametrize(
    ("inserted", "check"),
    [("<!-- -->", checks.XML_COMMENT), ("<?a?>", checks.XML_INSTRUCTION)],
    ids=["comment", "instruction"],
)
def test_text_that_spyne_would_cut_is_refused(inserted: str, check: Check) -> None:
    body = request(REQUEST.replace(">Bedrijf<", f">Bed{inserted}rijf<"))
    schema.validate(body)
    error = call(aanlever(MemoryProcess()), body, CALLER, PARTS).exception(timeout=0)
    assert isinstance(error, Refusal)
    assert error.check is check


def test_a_wrong_number_of_parts_is_no_refusal() -> None:
    error = call(aanlever(MemoryProcess()), request(), CALLER, ()).exception(timeout=0)
    assert isinstance(error, ValueError)


def test_documents_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="spyne.protocol.xml")
    application = aanlever(MemoryProcess())
    call(application, request(), CALLER, PARTS).result()
    assert SECRET not in caplog.text


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("copies", [1, 2], ids=["answered", "failed"])
def test_content_is_freed_without_the_collector(copies: int) -> None:
    content = bytes(1000)
    outside = sys.getrefcount(content)
    process = SlowProcess()
    answer = call(aanlever(process), request(), CALLER, (content,) * copies)
    if copies == 1:
        process.answer()
    # With two parts for one inhoud the operation raised, and its frames knew the parts.
    assert (answer.exception(timeout=0) is None) == (copies == 1)
    del answer
    # The application holds the process, and waits for the collector as Spyne made it.
    process.forget()
    assert sys.getrefcount(content) == outside
