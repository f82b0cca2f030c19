"""A little of everything: each way to run, and each mutant, which must be noticed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from chaos.journal import now
from chaos.mutants import MUTANTS
from chaos.power import compiler
from chaos.session import cut, directory, have, needs_power, one, play, report, settings_for
from chaos.settings import Front, StoreKind
from tests.postgres import programs

KILLS: dict[tuple[StoreKind, Front], int] = {
    ("sqlite", "lines"): 40,
    ("sqlite", "wus"): 5,
    ("sqlite", "ebms"): 5,
    ("postgres", "lines"): 15,
    ("postgres", "wus"): 5,
}
MUTANT_KILLS = (8, 24, 48)
"""A mistake that the first number of deaths does not show gets other chances to."""
_BOTH = frozenset({"no-fsync", "no-fencing"})
"""Mutants that show otherwise on PostgreSQL."""
_RARE = frozenset(
    {
        ("postgres", "no-fsync"),
        ("postgres", "no-fencing"),
        ("sqlite", "no-stable-message-id"),
    }
)
"""Seen to be noticed after more deaths only."""


def smoke(seed: int) -> bool:
    """Run everything once, print a line for each, and say whether all was as it must be.

    Raises:
        CannotRun: something did not work.
    """
    lines, good = [], True
    for name, works in _everything(seed):
        print(f"=== {name}", flush=True)
        began = now()
        is_good = works()
        good &= is_good
        lines.append(f"{'ok' if is_good else 'FAILED':<7} {now() - began:4.0f} s  {name}")
    print("\n".join(lines))
    return good


def _everything(seed: int) -> Iterator[tuple[str, Callable[[], bool]]]:
    stores: list[StoreKind] = ["sqlite"]
    server, cc = programs() is not None, compiler() is not None
    if have("runs on PostgreSQL", found=server, install="apt-get install postgresql"):
        stores.append("postgres")
    powered = have("cuts of the power", found=cc, install="apt-get install gcc libc6-dev")
    for (store, front), kills in KILLS.items():
        if store in stores:
            yield f"{store}, {front}, {kills} deaths", partial(_held, seed, store, front, kills)
    if powered:
        yield "sqlite, power cut", partial(_power_held, seed)
    for name, mutant in MUTANTS.items():
        for store in stores if name in _BOTH else stores[:1]:
            if store == "sqlite" and mutant.shows == "power" and not powered:
                continue
            yield f"mutant {name} on {store} is noticed", partial(_noticed, seed, store, name)


def _held(seed: int, store: StoreKind, front: Front, kills: int) -> bool:
    with directory(None) as scratch:
        return one(replace(settings_for(scratch, seed, store, front), kills=kills))


def _power_held(seed: int) -> bool:
    with directory(None) as scratch:
        return cut(settings_for(scratch, seed, "sqlite", "lines"))


def _noticed(seed: int, store: StoreKind, mutant: str) -> bool:
    """Say whether a mutant fails; more deaths make that surer."""
    for kills in MUTANT_KILLS[1:] if (store, mutant) in _RARE else MUTANT_KILLS:
        with directory(None) as scratch:
            run = replace(
                settings_for(scratch, seed, store, MUTANTS[mutant].front),
                mutant=mutant,
                kills=kills,
                quiet=10.0,
            )
            if needs_power(run):
                noticed = not cut(run)
            else:
                # That too little happened would be no notice.
                outcome = play(run)
                report(outcome)
                noticed = bool(outcome.violations)
            if noticed:
                return True
    return False
