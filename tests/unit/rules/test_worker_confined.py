"""What a worker cannot do, on this kernel and on one that has nothing to hold it back with.

A kernel cannot be installed for a test: where it lacks something, the worker has to say so, and
the limits that are everywhere have to hold.
"""

import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from digipoort_wus.rules import confine, wire
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.hired import Hired
from digipoort_wus.rules.model import Cost
from digipoort_wus.rules.subject import Enclosure, Envelope
from digipoort_wus.rules.worker_main import Task
from tests.unit.rules.bare_kernel import on_a_bare_kernel

TASK = Task(Cost.CHEAP, (SHIPPED,), None, 10.0, 300 * 1024 * 1024)
DOCUMENT = Enclosure("nothing.xml", "text/xml", 4)
ENVELOPE = Envelope("cheap", datetime(2026, 6, 1, tzinfo=UTC), DOCUMENT)
# What the worker says it could not give up, and what came of each act.
Confined: TypeAlias = tuple[tuple[str, ...], list[str]]
Confine: TypeAlias = Callable[..., Confined]


@pytest.fixture(params=list(Cost), ids=lambda cost: cost.value)
def cost(request: pytest.FixtureRequest) -> Cost:
    found: Cost = request.param
    return found


@pytest.fixture(params=["this kernel", "a bare kernel"])
def confined(request: pytest.FixtureRequest, cost: Cost, sets: Path) -> Confine:
    """Return what lets a worker do things, one after the other."""

    def tried(*acts: str) -> Confined:
        worker = Hired(replace(TASK, cost=cost, directories=(SHIPPED, sets)))
        try:
            hello = worker.load(60)
            return hello.open, [_done(worker, cost, each) for each in acts]
        finally:
            worker.end()
            worker.forget()

    def tried_there(*acts: str) -> Confined:
        open_, done = on_a_bare_kernel(lambda: tried(*acts))
        said = " ".join(open_)
        assert "no network namespace: Operation not permitted" in said
        assert "no Landlock: Function not implemented" in said
        return open_, done

    return tried if request.param == "this kernel" else tried_there


def _done(worker: Hired, cost: Cost, act: str) -> str:
    words = f"{act.replace('/', '+')}.xml"
    document = replace(DOCUMENT, file_name=words)
    about = replace(ENVELOPE, berichtsoort=cost.value, document=document)
    question = {"envelope": wire.envelope_values(about), "stage": "content"}
    report = worker.ask(question, wire.Parcel(b"<x/>"), 20)["report"]
    assert isinstance(report, dict)
    return str(report["technical"])


def test_no_file_is_written_and_where_that_can_be_had_none_made_or_removed(
    confined: Confine, tmp_path: Path
) -> None:
    there, made, written = (tmp_path / name for name in ("there", "made", "written"))
    there.write_text("kept")
    acts = {"write": written, "touch": made, "truncate": there, "unlink": there}
    open_, done = confined(*(f"{does}-{path}" for does, path in acts.items()))
    came = dict(zip(acts, done, strict=True))
    # By the limit of a file's size, which every kernel has.
    assert "Error" in came["write"]
    assert not written.exists() or written.stat().st_size == 0
    said = " ".join(open_)
    if "no Landlock" in said:
        assert not made.exists() or made.stat().st_size == 0
        return
    if "cut short" in said:
        del came["truncate"]
    else:
        assert there.read_text() == "kept"
    assert all("PermissionError" in each for each in came.values()), came
    assert [each.name for each in tmp_path.iterdir()] == ["there"]


def test_no_network_is_there_or_it_is_said(confined: Confine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        open_, (came,) = confined(f"connect-{server.getsockname()[1]}")
        if came:
            assert "raised PermissionError" in came or "raised OSError" in came
            with pytest.raises(TimeoutError):
                server.accept()
        else:
            assert "no network namespace" in " ".join(open_)


def test_no_signal_reaches_the_gateway_or_it_is_said(confined: Confine, cost: Cost) -> None:
    open_, (came,) = confined("signal_gateway")
    if came:
        assert "raised PermissionError" in came
    elif cost is not Cost.FORKED:
        # The parent of a fork is its worker, which it may end.
        assert "signals" in " ".join(open_)


@pytest.mark.parametrize(
    ("version", "said"),
    [(1, ["cut short", "signals"]), (2, ["cut short", "signals"]), (3, ["signals"]), (6, [])],
)
def test_what_an_old_landlock_leaves_open_is_said(version: int, said: list[str]) -> None:
    found = confine.left_open(version)
    assert len(found) == len(said)
    assert all(word in each for word, each in zip(said, found, strict=True))
