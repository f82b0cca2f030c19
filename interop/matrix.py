"""Runs every stack of this folder against a gateway, and prints a table of what came of it.

Between client and gateway stands the altering proxy: every request and answer is
captured there and verified with xmlsec1, and clients that verify answers get bad
ones. README.md in this folder says what the programs of the stacks must do.
"""

# ruff: noqa: T201 - a program that prints what it finds.

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from digipoort_wus.testing.proxy import Alter, Alterations, AlteringProxy

# PYTHONSAFEPATH keeps the folder of a script off the path.
sys.path.append(str(Path(__file__).parent))

from stacks import HERE, SECONDS, STACKS, Stack, build, started
from verdicts import (
    AGAIN,
    BE,
    BE_BAD,
    BE_S,
    BE_S_BAD,
    DIGIPOORT,
    DIGIPOORT_BAD,
    DONE,
    FAULT,
    HAPPY_FLOW,
    PKI,
    RE_SIGNED,
    TEXT,
    TOO_LONG,
    Run,
    is_good,
    judged,
    judged_bad_answer,
    judged_direct,
    judged_refusal,
    unverified,
)

VECTORS = HERE.parent / "tests" / "vectors"
ACTIONS = ("file", "statuses", "new-statuses", "list", "by-kenmerk")
ROWS = (
    (DIGIPOORT, "sha1"),
    (DIGIPOORT, "sha256"),
    (BE, "none"),
    (BE_S, "sha256"),
    (BE_S, "sha512"),
    (BE_S, "sha1"),
)
REFUSED = {(BE_S, "sha1"): "WSS-ALGORITHM"}
"""What a policy does not admit, and by which check."""
FROZEN = (*ACTIONS, "file-default")
UNALTERED = Alterations()
COLUMNS = (*ACTIONS, "mtom", "echo", "direct", "fault", "re-signed", *BE_S_BAD, "extra")


@dataclass
class Matrix:
    """The gateway behind the proxy, and the verdicts so far.

    Args:
        gateway: its own address.
        proxy: where the stacks are sent.
        policies: those that are tried.
        freeze: whether requests are kept as test vectors.
    """

    gateway: str
    proxy: AlteringProxy
    policies: Sequence[str]
    freeze: bool
    verdicts: dict[tuple[str, str, str], dict[str, str]] = field(default_factory=dict)

    def try_stack(self, stack: Stack) -> None:
        """Build a stack and run all of it under every policy."""
        started = time.monotonic()
        failure = build(stack)
        say(f"{stack.name}: built in {time.monotonic() - started:.1f} s")
        for policy, algorithm in ROWS:
            if policy not in self.policies:
                continue
            cells = self.verdicts[stack.name, policy, algorithm] = {}
            row = Row(self, stack, policy, algorithm, cells)
            if failure:
                cells["file"] = failure
            elif policy == DIGIPOORT:
                row.try_digipoort()
            else:
                row.try_echo()
        say(f"{stack.name}: {time.monotonic() - started:.1f} s")

    def table(self) -> list[list[str]]:
        """Return the verdicts as rows of texts, the heads of the columns first."""
        rows = [["client", "policy", *COLUMNS]]
        for (stack, policy, algorithm), cells in self.verdicts.items():
            said = [cells.get(column, "-") for column in COLUMNS]
            short = [cell if is_good(cell) else "FAIL" for cell in said]
            rows.append([f"{stack} {algorithm}", policy, *short])
        return rows

    def failures(self) -> list[str]:
        """Return what the table is too narrow for."""
        return [
            f"{' '.join(row)} {column}: {verdict}"
            for row, cells in self.verdicts.items()
            for column, verdict in cells.items()
            if not is_good(verdict)
        ]


@dataclass
class Row:
    """One stack under one policy, with one algorithm.

    Args:
        matrix: of which it is a row.
        policy: its name.
        algorithm: as the stack's program takes it.
        cells: the verdicts by column.
    """

    matrix: Matrix
    stack: Stack
    policy: str
    algorithm: str
    cells: dict[str, str]

    def try_digipoort(self) -> None:
        """Run the actions in an order in which each has something to find."""
        filed = self.run("file")
        kenmerk = filed.lines[0] if filed.lines else ""
        if not self.note("file", judged(filed, "file", kenmerk, self.policy), filed):
            return
        asked = self.statuses_at_the_end(kenmerk)
        self.note("statuses", judged(asked, "statuses", kenmerk, self.policy), asked)
        for action in ACTIONS[2:]:
            done = self.run(action, kenmerk)
            self.note(action, judged(done, action, kenmerk, self.policy), done)
        done = self.run("list", url=self.matrix.gateway)
        self.note("direct", judged_direct(done, "list", kenmerk), done)
        self.try_mtom()
        self.try_extra()
        if not self.stack.verifies:
            self.cells.update(dict.fromkeys(DIGIPOORT_BAD, "not verified"))
            return
        recorded = asked.passed[-1][1].body if asked.passed else b""
        self.try_bad_answers(DIGIPOORT_BAD, recorded, "statuses", kenmerk)

    def try_mtom(self) -> None:
        """File with an attachment, and see the process to its end as that of any filing."""
        check = self.stack.mtom_check
        if self.stack.no_mtom and not check:
            return
        filed = self.run("file-mtom")
        if check:
            verdict = judged_refusal(filed, check)
            self.note("mtom", verdict or f"not admitted: {check}", filed)
            return
        kenmerk = filed.lines[0] if filed.lines else ""
        verdict = judged(filed, "file-mtom", kenmerk, self.policy)
        if is_good(verdict):
            asked = self.statuses_at_the_end(kenmerk)
            verdict = judged(asked, "statuses", kenmerk, self.policy)
        self.note("mtom", verdict, filed)

    def try_extra(self) -> None:
        """Run what only this stack has."""
        action = "file-default" if self.stack.default else self.stack.extra
        if not action:
            return
        done = self.run(action)
        if self.stack.default:
            wrong = judged_refusal(done, self.stack.default)
            verdict = wrong or unverified(done, self.policy, answers=False) or "refused"
        else:
            verdict = judged(done, action, "", self.policy)
        self.note(action, verdict, done)
        self.cells["extra"] = f"{action}: {self.cells.pop(action)}"

    def try_echo(self) -> None:
        """Run Echo, with good and with bad answers."""
        check = REFUSED.get((self.policy, self.algorithm))
        done = self.run("echo", TEXT)
        if check:
            verdict = judged_refusal(done, check) or unverified(done, self.policy)
            self.note("echo", verdict or f"not admitted: {check}", done)
            return
        if not self.note("echo", judged(done, "echo", "", self.policy), done):
            return
        if self.algorithm != "sha512":
            direct = self.run("echo", TEXT, url=self.matrix.gateway)
            self.note("direct", judged_direct(direct, "echo", ""), direct)
        refused = self.run("echo", TOO_LONG)
        verdict = judged_refusal(refused, "XSD-VALID", code="0004")
        verdict = verdict or unverified(refused, self.policy)
        self.note("fault", verdict or "0004", refused)
        if self.policy == BE_S:
            again = self.run("echo", TEXT, Alterations(answer=(RE_SIGNED,)))
            self.note("re-signed", judged(again, "echo", "", self.policy), again)
        bad = BE_BAD if self.policy == BE else BE_S_BAD
        if self.algorithm == "sha512":
            bad = {name: bad[name] for name in AGAIN}
        self.try_bad_answers(bad, done.passed[-1][1].body, "echo", TEXT)

    def try_bad_answers(
        self, bad: Mapping[str, Callable[[bytes], Alter]], recorded: bytes, action: str, about: str
    ) -> None:
        """Run an action with each of the bad answers."""
        for name, alteration in bad.items():
            done = self.run(action, about, Alterations(answer=(alteration(recorded),)))
            self.note(name, judged_bad_answer(done, self.policy), done)

    def statuses_at_the_end(self, kenmerk: str) -> Run:
        """Ask for statuses until the process has ended, which takes a second."""
        end = time.monotonic() + SECONDS
        while True:
            done = self.run("statuses", kenmerk)
            ended = done.lines[-1:] == HAPPY_FLOW[-1:]
            if ended or done.status != DONE or time.monotonic() > end:
                return done

    def run(
        self,
        action: str,
        about: str = "",
        alterations: Alterations = UNALTERED,
        *,
        url: str = "",
    ) -> Run:
        """Run a stack's program once, and take what passed the proxy meanwhile.

        Args:
            about: kenmerk or text.
            url: of the gateway itself, empty for that of the proxy.
        """
        proxy = self.matrix.proxy
        proxy.alterations = alterations
        before = len(proxy.passed)
        arguments = (url or proxy.url, str(PKI), self.algorithm, action)
        try:
            done = started(self.stack, *arguments, *([about] if about else []))
        except subprocess.TimeoutExpired:
            return Run(-1, [], f"not done in {SECONDS} s", proxy.passed[before:])
        # Requests without a body fetch a WSDL.
        passed = [exchange for exchange in proxy.passed[before:] if exchange[0].body]
        return Run(done.returncode, done.stdout.splitlines(), done.stderr, passed)

    def note(self, column: str, verdict: str, done: Run) -> bool:
        """Keep a verdict, show it, and keep the request of a good one if asked to."""
        self.cells[column] = verdict
        reason = f" ({done.last_error})" if done.status not in (DONE, FAULT) else ""
        say(f"{self.stack.name} {self.policy} {self.algorithm} {column}: {verdict}{reason}")
        frozen = self.matrix.freeze and self.policy == DIGIPOORT and column in FROZEN
        if frozen and is_good(verdict):
            VECTORS.mkdir(exist_ok=True)
            vector = VECTORS / f"{self.stack.name}-{self.algorithm}-{column}.xml"
            vector.write_bytes(done.passed[-1][0].body)
        return is_good(verdict)


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
    parser.add_argument(
        "--policy",
        action="append",
        choices=[DIGIPOORT, BE, BE_S],
        help="only this policy; may be repeated",
    )
    parser.add_argument("--freeze", action="store_true", help=f"keep the requests in {VECTORS}")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    options = parser.parse_args(arguments)
    if shutil.which("xmlsec1") is None:
        parser.error("xmlsec1 is not here: apt-get install xmlsec1")
    with gateway() as url, AlteringProxy(url, PKI) as proxy:
        policies = options.policy or (DIGIPOORT, BE, BE_S)
        matrix = Matrix(url, proxy, policies, freeze=options.freeze)
        chosen = [s for s in present if not options.stack or s.name in options.stack]
        for stack in chosen:
            matrix.try_stack(stack)
    print(text_of(matrix.table(), markdown=options.markdown))
    if DIGIPOORT in policies:
        for stack in chosen:
            if stack.no_mtom:
                print(f"{stack.name} mtom: {stack.no_mtom}")
    failures = matrix.failures()
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
