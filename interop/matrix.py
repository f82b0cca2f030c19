"""Runs every stack of this folder against a gateway, and prints a table of what came of it.

Between client and gateway stands the altering proxy: every request and answer is
captured there and verified with xmlsec1, and clients that verify answers get three
bad ones. README.md in this folder says what the programs of the stacks must do.
"""

# ruff: noqa: T201 - a program that prints what it finds.

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from digipoort_wus.testing.proxy import (
    Alter,
    Alterations,
    AlteringProxy,
    Passing,
    answer_with,
    tamper,
    unsign,
)
from digipoort_wus.testing.xmlsec1 import xmlsec1_verifies

HERE = Path(__file__).parent
PKI = HERE.parent / "certs-test" / "g1"
VECTORS = HERE.parent / "tests" / "vectors"
ALGORITHMS = ("sha1", "sha256")
SECONDS = 60
DONE, BAD_ANSWER, FAULT = 0, 3, 4
HAPPY_FLOW = ["105", "100", "110", "200", "301", "301", "405", "400", "500"]


@dataclass(frozen=True)
class Stack:
    """A stack and what it can do beyond the contract.

    Args:
        name: its folder.
        verifies: whether it looks at the signature of an answer.
        extras: actions that only this stack has.
    """

    name: str
    verifies: bool = True
    extras: tuple[str, ...] = ()


STACKS = (
    Stack("node-soap", verifies=False, extras=("file-default",)),
    Stack("wss4j"),
    Stack("cxf"),
    Stack("gsoap"),
    Stack("zeep", extras=("all",)),
)
ACTIONS = ("file", "statuses", "new-statuses", "list", "by-kenmerk")
BAD_ANSWERS: Mapping[str, Callable[[bytes], Alter]] = {
    "tampered": lambda _recorded: tamper("statuscode"),
    "unsigned": lambda _recorded: unsign,
    "unrelated": answer_with,
}
FROZEN = (*ACTIONS, "file-default")
UNALTERED = Alterations()
COLUMNS = (*ACTIONS, *BAD_ANSWERS, "extra")


@dataclass(frozen=True)
class Run:
    """What one run of a stack's program said and sent."""

    status: int
    lines: list[str]
    errors: str
    passed: Sequence[tuple[Passing, Passing]]

    @property
    def last_error(self) -> str:
        """Return the last line of stderr, from the gateway's check on when it names one."""
        line = (self.errors.strip().splitlines() or ["nothing on stderr"])[-1]
        check = re.search(r"\[[A-Z0-9-]+\].*", line)
        return (check[0] if check else line)[:300]


@dataclass
class Matrix:
    """The gateway behind the proxy, and the verdicts so far.

    Args:
        proxy: where the stacks are sent.
        freeze: whether requests are kept as test vectors.
    """

    proxy: AlteringProxy
    freeze: bool
    verdicts: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def try_stack(self, stack: Stack) -> None:
        """Build a stack and run all of it with both algorithms."""
        started = time.monotonic()
        failure = build(stack)
        say(f"{stack.name}: built in {time.monotonic() - started:.1f} s")
        for algorithm in ALGORITHMS:
            row = self.verdicts[stack.name, algorithm] = {}
            if failure:
                row["file"] = failure
                continue
            self.try_algorithm(stack, algorithm, row)
        say(f"{stack.name}: {time.monotonic() - started:.1f} s")

    def try_algorithm(self, stack: Stack, algorithm: str, row: dict[str, str]) -> None:
        """Run the actions in an order in which each has something to find."""
        filed = self.run(stack, algorithm, "file")
        kenmerk = filed.lines[0] if filed.lines else ""
        self.note(stack, algorithm, row, "file", judged(filed, "file", kenmerk), filed)
        if row["file"] != "ok":
            return
        asked = self.statuses_at_the_end(stack, algorithm, kenmerk)
        self.note(stack, algorithm, row, "statuses", judged(asked, "statuses", kenmerk), asked)
        for action in ACTIONS[2:]:
            done = self.run(stack, algorithm, action, kenmerk)
            self.note(stack, algorithm, row, action, judged(done, action, kenmerk), done)
        for action in stack.extras:
            done = self.run(stack, algorithm, action)
            self.note(stack, algorithm, row, action, judged(done, action, kenmerk), done)
            row["extra"] = f"{action}: {row.pop(action)}"
        if not stack.verifies:
            row.update(dict.fromkeys(BAD_ANSWERS, "not verified"))
            return
        recorded = asked.passed[-1][1].body if asked.passed else b""
        for name, alteration in BAD_ANSWERS.items():
            altered = Alterations(answer=(alteration(recorded),))
            done = self.run(stack, algorithm, "statuses", kenmerk, altered)
            self.note(stack, algorithm, row, name, judged_bad_answer(done), done)

    def statuses_at_the_end(self, stack: Stack, algorithm: str, kenmerk: str) -> Run:
        """Ask for statuses until the process has ended, which takes a second."""
        end = time.monotonic() + SECONDS
        while True:
            done = self.run(stack, algorithm, "statuses", kenmerk)
            ended = done.lines[-1:] == HAPPY_FLOW[-1:]
            if ended or done.status != DONE or time.monotonic() > end:
                return done

    def run(
        self,
        stack: Stack,
        algorithm: str,
        action: str,
        kenmerk: str = "",
        alterations: Alterations = UNALTERED,
    ) -> Run:
        """Run a stack's program once, and take what passed the proxy meanwhile."""
        self.proxy.alterations = alterations
        before = len(self.proxy.passed)
        program = str(HERE / stack.name / "run")
        command = [program, self.proxy.url, str(PKI), algorithm, action]
        try:
            done = subprocess.run(  # noqa: S603 - our own program
                [*command, kenmerk] if kenmerk else command,
                env=environment(),
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Run(-1, [], f"not done in {SECONDS} s", self.proxy.passed[before:])
        # Requests without a body fetch a WSDL.
        passed = [exchange for exchange in self.proxy.passed[before:] if exchange[0].body]
        return Run(done.returncode, done.stdout.splitlines(), done.stderr, passed)

    def note(
        self,
        stack: Stack,
        algorithm: str,
        row: dict[str, str],
        column: str,
        verdict: str,
        done: Run,
    ) -> None:
        """Keep a verdict, show it, and keep the request of a good one if asked to."""
        row[column] = verdict
        reason = f" ({done.last_error})" if verdict == "refused" else ""
        say(f"{stack.name} {algorithm} {column}: {verdict}{reason}")
        if self.freeze and is_good(verdict) and column in FROZEN:
            VECTORS.mkdir(exist_ok=True)
            vector = VECTORS / f"{stack.name}-{algorithm}-{column}.xml"
            vector.write_bytes(done.passed[-1][0].body)

    def table(self) -> list[list[str]]:
        """Return the verdicts as rows of texts, the heads of the columns first."""
        rows = [["client", *COLUMNS]]
        for (stack, algorithm), row in self.verdicts.items():
            cells = [row.get(column, "-") for column in COLUMNS]
            short = [cell if is_good(cell) else "FAIL" for cell in cells]
            rows.append([f"{stack} {algorithm}", *short])
        return rows

    def failures(self) -> list[str]:
        """Return what the table is too narrow for."""
        return [
            f"{stack} {algorithm} {column}: {verdict}"
            for (stack, algorithm), row in self.verdicts.items()
            for column, verdict in row.items()
            if not is_good(verdict)
        ]


def judged(done: Run, action: str, kenmerk: str) -> str:
    """Return the verdict on an action with an honest answer."""
    if action == "file-default":
        if done.status != FAULT or "WSS-TRANSFORM" not in done.errors:
            return f"FAIL exit {done.status}, not refused for its transforms: {done.last_error}"
        return unverified(done, answers=False) or "refused"
    if done.status != DONE:
        return f"FAIL exit {done.status}: {done.last_error}"
    if not as_expected(action, done.lines, kenmerk):
        return f"FAIL printed {' '.join(done.lines)[:80]!r}"
    return unverified(done, answers=True) or "ok"


def judged_bad_answer(done: Run) -> str:
    """Return the verdict on a client that got a bad answer; what was captured is still good."""
    if done.status != BAD_ANSWER:
        return f"FAIL exit {done.status}, a bad answer not noticed: {done.last_error}"
    return unverified(done, answers=True) or "refused"


def as_expected(action: str, lines: list[str], kenmerk: str) -> bool:
    """Return whether a program printed what its action asks for."""
    match action:
        case "file":
            return len(lines) == 1 and re.fullmatch(r"[0-9a-f-]{36}", kenmerk) is not None
        case "statuses" | "new-statuses":
            return lines == HAPPY_FLOW
        case "list":
            return kenmerk in lines
        case "by-kenmerk":
            return [bool(re.fullmatch(r"\S+ [1-9]\d*", line)) for line in lines] == [True]
    return len(lines) == 12  # "all": a line for each operation


def unverified(done: Run, *, answers: bool) -> str:
    """Return what is wrong with the signatures of what passed, nothing when all are right."""
    if not done.passed:
        return "FAIL nothing passed the proxy"
    for request, answer in done.passed:
        judge = [("request", request), ("answer", answer)] if answers else [("request", request)]
        for kind, passing in judge:
            if not xmlsec1_verifies(passing.body):
                return f"FAIL xmlsec1 does not verify the {kind}"
    return ""


def is_good(verdict: str) -> bool:
    """Return whether a verdict is not a failure."""
    return "FAIL" not in verdict


def build(stack: Stack) -> str:
    """Build a stack, and return why that failed, if it did."""
    command = [HERE / stack.name / "build"]
    done = subprocess.run(  # noqa: S603 - our own program
        command, env=os.environ | own_variables(), stdout=sys.stderr, check=False
    )
    return f"FAIL build: exit {done.returncode}" if done.returncode else ""


def own_variables() -> dict[str, str]:
    """Return what the scripts of the stacks want to know."""
    default = str(HERE / ".build")
    return {
        "INTEROP_BUILD": os.environ.get("INTEROP_BUILD", default),
        "INTEROP_PYTHON": sys.executable,
    }


def environment() -> dict[str, str]:
    """Return the environment of the clients: no HTTP proxy but ours comes in between."""
    kept = {name: value for name, value in os.environ.items() if "_proxy" not in name.lower()}
    return kept | own_variables()


@contextmanager
def gateway() -> Iterator[str]:
    """Run a gateway with the published test certificates, and give its base URL."""
    with TemporaryDirectory(prefix="interop-") as data:
        command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--pki-dir", str(PKI), "--data-dir", data],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                assert process.stdout is not None
                words = process.stdout.readline().split()
                if words[:1] != ["ready"]:
                    raise SystemExit("The gateway did not start.")
                yield "/".join(words[1].split("/")[:3])
            finally:
                process.terminate()


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def text_of(rows: list[list[str]], *, markdown: bool) -> str:
    """Return a table as text, with columns as wide as they must be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if markdown:
        rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append(f"| {' | '.join(cells)} |" if markdown else "  ".join(cells).rstrip())
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix, and return 1 when anything was not as expected."""
    present = [stack for stack in STACKS if (HERE / stack.name / "run").exists()]
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "--stack",
        action="append",
        choices=[stack.name for stack in present],
        help="only this stack; may be repeated",
    )
    parser.add_argument("--freeze", action="store_true", help=f"keep the requests in {VECTORS}")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    options = parser.parse_args(arguments)
    if shutil.which("xmlsec1") is None:
        parser.error("xmlsec1 is not here: apt-get install xmlsec1")
    with gateway() as url, AlteringProxy(url, PKI) as proxy:
        matrix = Matrix(proxy, freeze=options.freeze)
        for stack in present:
            if not options.stack or stack.name in options.stack:
                matrix.try_stack(stack)
    print(text_of(matrix.table(), markdown=options.markdown))
    failures = matrix.failures()
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
