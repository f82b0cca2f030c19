"""The stacks, and how their scripts are run."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = 60
"""A run of a stack's program takes at most so long."""


@dataclass(frozen=True)
class Stack:
    """A stack and what it can do beyond the contract.

    Args:
        name: its folder.
        verifies: whether it looks at the signature of Digipoort's answers.
        no_mtom: why it cannot file with MTOM, empty when it can.
        mtom_check: the check that refuses what it sends as MTOM, empty when it sends none.
        default: the check that refuses a filing of the stack without settings, if it is run.
        extra: an action that only this stack has.
    """

    name: str
    verifies: bool = True
    no_mtom: str = ""
    mtom_check: str = ""
    default: str = ""
    extra: str = ""


STACKS = (
    Stack("node-soap", verifies=False, default="WSS-TRANSFORM"),
    Stack("wss4j", no_mtom="WSS4J signs and verifies an envelope; it makes no packages"),
    Stack("cxf"),
    Stack(
        "gsoap",
        no_mtom="in canonical XML, which signing needs, it writes an xop:Include without href",
        mtom_check="XOP-INCLUDE",
    ),
    Stack("zeep", no_mtom="zeep reads MTOM, and cannot send it", extra="all"),
)


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
    # Arguments and output are UTF-8 to every program.
    return kept | own_variables() | {"LC_ALL": "C.UTF-8"}


def started(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a stack's program once.

    Raises:
        subprocess.TimeoutExpired: it took too long.
    """
    return subprocess.run(  # noqa: S603 - our own program
        [str(HERE / stack.name / "run"), *arguments],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
