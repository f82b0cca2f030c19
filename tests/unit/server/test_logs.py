"""Lines of the log: what is in them, and that nothing of a message ever is."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import ILogObserver, Logger, LogPublisher, globalLogPublisher
from twisted.python import log as legacy_log
from twisted.python.failure import Failure

from digipoort_wus.server.logs import (
    FIELDS,
    Bridge,
    JsonLines,
    TextLines,
    begin_logging,
    trace_id_of,
)

KENMERK = "0c8c4b5e-3a52-4b6e-9d1e-2f5a6f0f7a11"
MARKER = "999911120-VERYSECRET"


@pytest.fixture
def restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root, ours = logging.getLogger(), logging.getLogger("digipoort_wus")
    before = (list(root.handlers), root.level, ours.level)
    yield
    root.handlers[:], root.level, ours.level = before[0], before[1], before[2]
    ours.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.fixture
def json_log(restored: None) -> Callable[[], list[dict[str, Any]]]:
    stream = StringIO()
    begin_logging("json", "info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object(json_log: Callable[[], list[dict[str, Any]]]) -> None:
    fields = {"event": "step", "kenmerk": KENMERK, "oin": "1", "step": "deliver", "duration": 0.25}
    logging.getLogger("digipoort_wus.process.engine").info("line 1\nline 2 %s", "é", extra=fields)
    (line,) = json_log()
    assert line.pop("time").endswith("Z")
    assert line.pop("node")
    assert line == {
        "level": "info",
        "event": "step",
        "text": "line 1\nline 2 é",
        "logger": "digipoort_wus.process.engine",
        "kenmerk": KENMERK,
        "trace_id": sha256(KENMERK.encode()).digest()[:16].hex(),
        "oin": "1",
        "step": "deliver",
        "duration": 0.25,
    }


def test_without_a_name_the_event_is_the_module(
    json_log: Callable[[], list[dict[str, Any]]],
) -> None:
    logging.getLogger("digipoort_wus.store.sqlite").warning("the disk is old")
    logging.getLogger("spyne.application").info("a whole document")
    logging.getLogger("alembic").warning("something of a library")
    assert [line["event"] for line in json_log()] == ["store.sqlite", "alembic"]


def test_only_known_fields_become_fields(json_log: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("digipoort_wus").warning("x", extra={"payload": MARKER, "kenmerk": KENMERK})
    assert MARKER not in json.dumps(json_log())


def raised() -> Exception:
    """An error with a value in its text, and in that of its cause."""
    try:
        try:
            int(MARKER)
        except ValueError as error:
            raise KeyError(MARKER) from error
    except KeyError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_text_of_an_exception_is_not_written(form: str, restored: None) -> None:
    stream = StringIO()
    begin_logging(form, "info", stream)
    logging.getLogger("digipoort_wus").error("it failed", exc_info=raised())
    publisher = LogPublisher(cast(ILogObserver, Bridge()))
    logger = Logger(namespace="digipoort_wus", observer=cast(ILogObserver, publisher))
    logger.failure("it failed, too", failure=Failure(raised()))
    written = stream.getvalue()
    assert MARKER not in written
    assert written.count("KeyError, because of ValueError") == 2
    assert written.count("test_logs.py") >= 2


def test_an_error_of_twisteds_older_kind_is_written_without_its_text(restored: None) -> None:
    stream = StringIO()
    begin_logging("json", "info", stream)
    observer = cast(ILogObserver, Bridge())
    globalLogPublisher.addObserver(observer)
    try:
        err: Any = legacy_log.err
        err(Failure(raised()))
        err(Failure(raised()), "in a callback")
    finally:
        globalLogPublisher.removeObserver(observer)
    assert MARKER not in stream.getvalue()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["text"] for line in lines] == ["an error", "in a callback"]
    assert {line["level"] for line in lines} == {"critical"}
    assert {line["error"] for line in lines} == {"KeyError, because of ValueError"}


def test_fields_of_twisted_are_taken_over(json_log: Callable[[], list[dict[str, Any]]]) -> None:
    publisher = LogPublisher(cast(ILogObserver, Bridge()))
    logger = Logger(namespace="digipoort_wus", observer=cast(ILogObserver, publisher))
    logger.info(
        "{operation} in {ms} ms",
        operation="aanleveren",
        ms=3,
        event="request-answered",
        kenmerk=KENMERK,
        oin=None,
        duration=0.003,
    )
    logger.debug("not at this level")
    (line,) = json_log()
    assert (line["text"], line["event"]) == ("aanleveren in 3 ms", "request-answered")
    assert (line["kenmerk"], line["operation"], line["duration"]) == (KENMERK, "aanleveren", 0.003)
    assert "oin" not in line


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("digipoort_wus", logging.INFO, "", 0, message, (), None)
    vars(made).update(fields)
    return made


def test_text_lines_name_what_they_are_about() -> None:
    lines = TextLines()
    assert lines.format(record("nothing special")).endswith("digipoort_wus nothing special")
    assert lines.format(record("filed", kenmerk=KENMERK)).endswith(
        f"filed [kenmerk {KENMERK} trace {trace_id_of(KENMERK)}]"
    )
    assert lines.format(record(f"kenmerk {KENMERK}: done", kenmerk=KENMERK)).endswith(
        f"kenmerk {KENMERK}: done [trace {trace_id_of(KENMERK)}]"
    )


@given(st.text())
def test_any_text_is_one_line_of_ascii(text: str) -> None:
    line = JsonLines("node").format(record("%s", args=(text,), kenmerk=text or "k"))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["text"] == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "surrogatepass"
    )


def test_the_page_for_operators_names_every_event_and_field() -> None:
    tree = Path(__file__).parents[3]
    page = (tree / "docs" / "how-to" / "operate.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_-]+)`", page))
    written = {
        event
        for path in (tree / "digipoort_wus").rglob("*.py")
        for event in re.findall(r"""(?:\bevent=|"event": )"([a-z-]+)\"""", path.read_text("utf-8"))
    }
    assert len(written) > 10
    assert written - named == set()
    assert {*FIELDS, "trace_id", "time", "level", "event", "text", "node"} - named == set()


@given(st.text(min_size=1))
def test_a_trace_is_what_the_standard_says(kenmerk: str) -> None:
    trace = trace_id_of(kenmerk)
    assert len(trace) == 32
    assert int(trace, 16) != 0
    assert trace == trace.lower()
