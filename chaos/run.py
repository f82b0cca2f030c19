"""Run gateways, end them at the worst moments, and check that nothing acknowledged was lost.

Usage: python -m chaos.run [--store sqlite|postgres] [--front lines|tls|wus|ebms]
                           [--kills N] [--seed N]
       python -m chaos.run --power           cut the power of an embedded gateway
       python -m chaos.run --mutant NAME     a gateway with a mistake: must fail
       python -m chaos.run --smoke           a little of everything, every mutant included

Exit code 0: every invariant held. 1: one did not; what and where is printed. 2: the run itself
did not work. The same seed chooses the same faults; what the processes do between them is theirs.
"""

import argparse
import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chaos.mutants import MUTANTS
from chaos.nodes import CannotRun
from chaos.session import cut, directory, needs_power, one, settings_for
from chaos.settings import Run
from chaos.smoke import smoke
from digipoort_wus.ebms.cpa_plan import Profile

SECONDS_EACH = 6.0
"""For each death a run takes at most so long, unless --most says otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked, print what happened, and return the exit code."""
    asked = _parser().parse_args(arguments)
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    print(f"seed {seed}", flush=True)
    try:
        if asked.smoke:
            return 0 if smoke(seed) else 1
        with directory(asked.keep) as scratch:
            run = _asked_run(asked, seed, scratch)
            held = cut(run) if asked.power or needs_power(run) else one(run, asked.json)
            return 0 if held else 1
    except CannotRun as error:
        print(f"the run did not work: {error}", file=sys.stderr)
        return 2


def _asked_run(asked: argparse.Namespace, seed: int, scratch: Path) -> Run:
    mutant = asked.mutant or ""
    front = asked.front or (MUTANTS[mutant].front if mutant else "lines")
    run = replace(settings_for(scratch, seed, asked.store, front), mutant=mutant)
    for name in ("kills", "least", "nodes", "most", "pause", "profile"):
        value = getattr(asked, name)
        if value is not None:
            run = replace(run, **{name: value})
    if asked.most is None:
        run = replace(run, most=max(run.most, run.kills * SECONDS_EACH))
    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chaos.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument(
        "--front",
        choices=("lines", "tls", "wus", "ebms"),
        help="lines: the process as an embedding program calls it; tls: the whole gateway, "
        "signed messages over mutual TLS; wus: the way to the agency and back over it as well; "
        "ebms: the same, with messages to the agency",
    )
    parser.add_argument(
        "--profile",
        choices=[each.value for each in Profile if each.reliable],
        help="of the agreement, with --front ebms [osb-rm-s]",
    )
    parser.add_argument("--kills", type=int, help="nodes that die [40]")
    parser.add_argument(
        "--least", type=int, help="acknowledged filings; it goes on until there are so many [0]"
    )
    parser.add_argument("--nodes", type=int, help="gateways on one PostgreSQL [3; 2]")
    parser.add_argument(
        "--pause", type=float, help="seconds between two filings of a sender's thread [0.01; 0.03]"
    )
    parser.add_argument("--most", type=float, help="seconds after which no more is killed")
    parser.add_argument("--seed", type=int, help="of what is chosen at random")
    parser.add_argument(
        "--power", action="store_true", help="cut the power of a recorded gateway instead (SQLite)"
    )
    parser.add_argument("--json", type=Path, help="a file for what happened")
    parser.add_argument("--mutant", choices=tuple(MUTANTS), help="build this mistake in")
    parser.add_argument("--keep", type=Path, help="a new directory in which everything is left")
    parser.add_argument("--smoke", action="store_true", help="a little of everything")
    return parser


if __name__ == "__main__":
    sys.exit(main())
