"""Layers for a filing for which no rule set could be chosen, and what they say."""

from collections.abc import Iterable, Sequence
from datetime import date

from digipoort_wus.rules.api import Stage
from digipoort_wus.rules.head import Head
from digipoort_wus.rules.model import (
    Compiled,
    Cost,
    Declared,
    Hit,
    Layer,
    Look,
    Rule,
    TechnicalError,
    Text,
)
from digipoort_wus.rules.ruleset import RuleSet
from digipoort_wus.rules.subject import Subject

VERSION_UNKNOWN = "VERSIE-ONBEKEND"
VERSION_NOT_NOW = "VERSIE-NIET-GELDIG"
NO_SET = "GEEN-REGELSET"
_SHOWN_MAX = 8
_OURS = "ours: a document is judged by the rules of its own version"


def technical_layers(digest: str, why: str) -> tuple[Layer, ...]:
    """Return layers that make a filing undetermined at either stage.

    Args:
        digest: of the catalogue.
        why: for the operator.
    """

    def look(_: Subject) -> Iterable[Hit]:
        raise TechnicalError(why)

    text = Text("Dit bericht kon niet worden beoordeeld.", "This message could not be judged.")
    return _layers(digest, NO_SET, Compiled(Look(look), {NO_SET: Declared("error", text, _OURS)}))


def nothing_valid(named: Sequence[RuleSet], day: date) -> str:
    """Say why no set is valid.

    Args:
        named: sets that were valid before.
        day: of receipt.
    """
    if not named:
        return f'no rule set is for this berichtsoort on {day}, and none for "*"'
    ends = [each.valid_until for each in named if each.valid_until is not None]
    return f"no rule set is valid for this berichtsoort on {day}; the last one ended on {max(ends)}"


def version_layers(
    digest: str, valid: Sequence[RuleSet], others: Sequence[RuleSet], head: Head
) -> tuple[Layer, ...]:
    """Return layers that refuse a document of a version that is not known, or not now.

    Args:
        digest: of the catalogue.
        valid: sets that are valid on the day of receipt; none is for the document.
        others: sets of the same berichtsoort for other days.
        head: of the document.
    """
    fitting = [each for each in others if _fits(each, head)]
    code, text = (
        (VERSION_NOT_NOW, _not_now(fitting)) if fitting else (VERSION_UNKNOWN, _unknown(valid))
    )
    compiled = Compiled(Look(lambda _: (Hit(),)), {code: Declared("error", text, _OURS)})
    return _layers(digest, code, compiled)


def _layers(digest: str, code: str, compiled: Compiled) -> tuple[Layer, ...]:
    rule = Rule(code, "catalogue", Cost.CHEAP, compiled)
    # At both stages, so that neither can pass without the other.
    return tuple(
        Layer("version", f"catalogue@{digest[:12]}", digest, stage, (rule,)) for stage in Stage
    )


def _fits(each: RuleSet, head: Head) -> bool:
    return not each.applies.anything and each.applies.includes(head.root, head.schema_ref)


def _not_now(fitting: Sequence[RuleSet]) -> Text:
    nl = "; ".join(f"{each.version}: {_days_nl(each)}" for each in fitting)
    en = "; ".join(f"{each.version}: {_days_en(each)}" for each in fitting)
    return _text(
        "Dit bericht is van een versie die op de dag van aanlevering niet geldig was. "
        f"Geldig is versie {nl}.",
        "This message is of a version that was not valid on the day when it was filed. "
        f"Valid is version {en}.",
    )


def _unknown(valid: Sequence[RuleSet]) -> Text:
    # The newest first: that is the one that is wanted, most likely.
    shown = list(reversed(valid))[:_SHOWN_MAX]
    nl = "; ".join(f"{each.title.nl} (versie {each.version})" for each in shown)
    en = "; ".join(f"{each.title.en} ({each.version}: {_marks(each)})" for each in shown)
    more = len(valid) - len(shown)
    return _text(
        "Van dit bericht is de versie niet bekend. Bekend zijn: "
        f"{nl}{f'; en nog {more}' if more else ''}. "
        "Controleer of uw software is bijgewerkt en maak het bericht opnieuw aan.",
        f"The version of this message is not known. Known are: {en}"
        f"{f'; and {more} more' if more else ''}.",
    )


def _marks(each: RuleSet) -> str:
    """Return by what a version is known, which its set says and not the document."""
    marks = [*each.applies.schema_refs, *each.applies.roots]
    return marks[0] if len(marks) == 1 else f"{marks[0]}, +{len(marks) - 1}"


def _days_nl(each: RuleSet) -> str:
    until = "" if each.valid_until is None else f" tot en met {each.valid_until:%d-%m-%Y}"
    return f"vanaf {each.valid_from:%d-%m-%Y}{until}"


def _days_en(each: RuleSet) -> str:
    until = "" if each.valid_until is None else f" until {each.valid_until}"
    return f"from {each.valid_from}{until}"


def _text(nl: str, en: str) -> Text:
    return Text(*(one.replace("{", "{{").replace("}", "}}") for one in (nl, en)))
