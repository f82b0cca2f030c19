"""Judges instances by the kind ``xbrl``, as a worker does: one process forks for each; a program.

Arelle keeps its state in the process, and warns of much: it is not to be met in a test.

    python xbrl_judge.py JOB  ->  JSON

JOB is a JSON file, with the keys of :class:`Job`.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from digipoort_wus.rules.kinds.xbrl import XBRL
from digipoort_wus.rules.kinds.xbrl_arelle import Arelle
from digipoort_wus.rules.model import Compiled, Hit, Look, OptionError, Rule, TechnicalError
from digipoort_wus.rules.subject import Subject
from tests.unit.rules.kinds.judging import report, rule, subject

_WATCHED = ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system")


class Job(TypedDict, total=False):
    """What to judge, and how.

    ``limited``: with no octet to be written to a file; ``again``: all in one process;
    ``unguarded``: handed to Arelle without a look at their references; ``before``: the package of
    another rule of the same process, which is compiled first and judges first.
    """

    options: dict[str, object]
    artefacts: dict[str, str]
    instances: dict[str, str]
    limited: bool
    again: bool
    unguarded: bool
    before: str


class Found(TypedDict):
    """What came of one instance; ``touched`` are the files and addresses that were opened."""

    outcome: str
    technical: str
    findings: list[list[str]]
    engine_codes: list[str]
    touched: list[str]
    milliseconds: float
    megabytes: int


class Answer(TypedDict, total=False):
    """What came of a job; ``threads``: how many there were when it was ready to fork."""

    refused: str
    how: str
    threads: int
    found: dict[str, Found]


def judge(job: Job) -> Answer:
    """Do a job."""
    if job.get("limited"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    artefacts = {name: Path(path) for name, path in job["artefacts"].items()}
    look: Callable[[bytes], Found]
    try:
        if job.get("unguarded"):
            entry_points = job["options"]["entry_points"]
            assert isinstance(entry_points, list)
            arelle = Arelle(tuple(artefacts.values()), entry_points, 10, ())
            look = lambda octets: _unguarded(arelle, entry_points[0], octets)  # noqa: E731
        else:
            before = dict.fromkeys(artefacts, Path(job.get("before", "")))
            other = rule(XBRL, job["options"], artefacts=before) if job.get("before") else None
            ready = rule(XBRL, job["options"], code="X", artefacts=artefacts)
            if other is not None:
                for path in job["instances"].values():
                    _guarded(other, Path(path).read_bytes())
            look = lambda octets: _guarded(ready, octets)  # noqa: E731
    except (OptionError, TechnicalError) as error:
        return {"refused": str(error), "how": type(error).__name__}
    threads = len(list(Path("/proc/self/task").iterdir()))
    found: dict[str, Found] = {}
    for name, path in job["instances"].items():
        octets = Path(path).read_bytes()
        found[name] = look(octets) if job.get("again") else _forked(look, octets)
    return {"threads": threads, "found": found}


def _forked(look: Callable[[bytes], Found], octets: bytes) -> Found:
    there, here = os.pipe()
    if pid := os.fork():
        os.close(here)
        with os.fdopen(there, "rb") as source:
            told = source.read()
        os.waitpid(pid, 0)
        answer: Found = json.loads(told)
        return answer
    try:
        with os.fdopen(here, "wb") as sink:
            sink.write(json.dumps(look(octets)).encode())
    finally:
        os._exit(0)


def _guarded(ready: Rule, octets: bytes) -> Found:
    engine_codes: list[str] = []
    way = ready.compiled.way
    assert isinstance(way, Look)
    look = way.look

    def heard(about: Subject) -> Iterator[Hit]:
        for hit in look(about):
            engine_codes.append(hit.engine_code)
            yield hit

    compiled = Compiled(Look(heard, tree=True), ready.compiled.codes)
    touched = _watch()
    began = time.perf_counter()
    found = report(subject(octets), replace(ready, compiled=compiled))
    return {
        "outcome": found.outcome.value,
        "technical": found.technical,
        "findings": [[each.code, each.severity, each.text, each.where] for each in found.findings],
        "engine_codes": engine_codes,
        "touched": list(touched),
        "milliseconds": (time.perf_counter() - began) * 1000,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _unguarded(arelle: Arelle, entry_point: str, octets: bytes) -> Found:
    touched = _watch()
    technical = ""
    engine_codes: list[str] = []
    try:
        engine_codes = [each.code for each in arelle.judge(entry_point, octets)]
    except TechnicalError as error:
        technical = str(error)
    return {
        "outcome": "",
        "technical": technical,
        "findings": [],
        "engine_codes": engine_codes,
        "touched": list(touched),
        "milliseconds": 0,
        "megabytes": 0,
    }


def _watch() -> list[str]:
    touched: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        # Lines of a traceback are looked up in the sources of Python.
        if event in _WATCHED and not str(arguments[0]).endswith((".py", ".pyc")):
            touched.append(f"{event} {arguments[0]}")

    sys.addaudithook(hook)
    return touched


if __name__ == "__main__":
    print(json.dumps(judge(json.loads(Path(sys.argv[1]).read_text()))))
