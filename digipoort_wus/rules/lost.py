"""What is left of a validation that no worker answered: the sets that would have judged it.

Nobody knows how far a worker came that was lost, so each set has one line for all its rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from digipoort_wus.rules.api import Came, Ran, Stage
from digipoort_wus.rules.catalogue import Catalogue
from digipoort_wus.rules.days import dutch_day
from digipoort_wus.rules.ruleset import is_valid_on, named_by
from digipoort_wus.rules.subject import Envelope

EVERY_RULE = "*"
"""As a rule and as a layer: all of the set, for nobody knows which one it was."""
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Known:
    """A set, as a worker tells its gateway of it.

    Args:
        berichtsoorten: that it is for.
        valid_from: first day of receipt, of the Dutch calendar.
        valid_until: last day; None: no end yet.
        judging: ``id@version`` and first digits of the digest of each set that has layers at a
            stage when this one is chosen, in their order; by stage.
    """

    berichtsoorten: tuple[str, ...]
    valid_from: date
    valid_until: date | None
    judging: Mapping[str, tuple[tuple[str, str], ...]]


def values_of(catalogue: Catalogue) -> list[dict[str, object]]:
    """Return the sets of a catalogue that a berichtsoort can choose, as values that JSON has."""
    return [
        {
            "for": each.berichtsoorten,
            "from": each.valid_from.isoformat(),
            "until": None if each.valid_until is None else each.valid_until.isoformat(),
            "judging": {stage.value: _judging(catalogue, each.name, stage) for stage in Stage},
        }
        for each in catalogue.sets
        if each.berichtsoorten
    ]


def known_of(values: Iterable[object]) -> tuple[Known, ...]:
    """Return the sets that :func:`values_of` made values of.

    Raises:
        ValueError: it did not make these.
    """
    return tuple(_known(each) for each in values)


def trace_of(
    known: Iterable[Known],
    digest: str,
    about: Envelope,
    stage: Stage,
    why: str,
    microseconds: int,
) -> tuple[Ran, ...]:
    """Return the trace of a validation that no worker answered.

    Where the document decides between sets, all of them are in it: it was not read here.

    Args:
        known: what the workers have told.
        digest: of all sets; stands for them when none is valid for the filing.
        about: the filing.
        stage: of the two validations.
        why: there is no answer; for the operator.
        microseconds: until that was known, with the time that it waited for a worker; the first
            line has it.
    """
    day = dutch_day(about.received)
    found: dict[tuple[str, str], None] = {}
    for each in named_by(known, about.berichtsoort, day):
        if is_valid_on(each, day):
            found |= dict.fromkeys(each.judging.get(stage.value, ()))
    sets = tuple(found) or ((f"catalogue@{digest[:_DIGITS]}", digest[:_DIGITS]),)
    return tuple(
        Ran(EVERY_RULE, name, of, EVERY_RULE, Came.TECHNICAL, 0 if number else microseconds, why)
        for number, (name, of) in enumerate(sets)
    )


def _judging(catalogue: Catalogue, name: str, stage: Stage) -> list[tuple[str, str]]:
    layers = catalogue.stacks[name].plan.layers
    return list(
        dict.fromkeys((one.set_id, one.digest[:_DIGITS]) for one in layers if one.stage is stage)
    )


def _known(values: object) -> Known:
    match values:
        case {
            "for": [*names],
            "from": str(first),
            "until": None | str() as last,
            "judging": dict(judging),
        }:
            return Known(
                tuple(map(str, names)),
                date.fromisoformat(first),
                None if last is None else date.fromisoformat(last),
                {str(stage): tuple(map(_named, sets)) for stage, sets in judging.items()},
            )
    raise ValueError("these values are no set")


def _named(values: object) -> tuple[str, str]:
    match values:
        case [str(name), str(digest)]:
            return name, digest
    raise ValueError("these values are no set")
