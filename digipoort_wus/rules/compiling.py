"""From the layers of a set's file to layers of rules that are ready to judge."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.api import Stage
from digipoort_wus.rules.artefacts import NotHere
from digipoort_wus.rules.model import (
    CODE_MAX,
    Compiled,
    Cost,
    Declared,
    Hit,
    Ingredients,
    Kind,
    Layer,
    Listen,
    Look,
    OptionError,
    Parsing,
    Read,
    Rule,
    TechnicalError,
    Text,
)
from digipoort_wus.rules.ruleset import Unready
from digipoort_wus.rules.subject import Subject
from digipoort_wus.rules.table import Table
from digipoort_wus.rules.texts import checked_text

SEVERITIES: Mapping[str, Severity] = {
    "info": "info",
    "warning": "warning",
    "error": "error",
    "fatal": "fatal",
}
CODE = re.compile(rf"[0-9A-Za-z][0-9A-Za-z._:-]{{0,{CODE_MAX - 1}}}")
CODE_IS = f"a code: at most {CODE_MAX} letters, digits, dots, colons, hyphens and underscores"
ANY_COST = frozenset(Cost)
ELSEWHERE = "(elsewhere)"
"""Stands among the codes of a rule that another process compiles: nothing can disable it, so the
rule is in the plan whatever codes it really has."""
_LAYER_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")
_MIME_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_STAGES = {stage.value: stage for stage in Stage}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the rules of one set have in common.

    Args:
        set_id: ``id@version``.
        digest: of the set.
        kinds: by name.
        files: artefacts by name.
        costs: of the rules that this process judges; others are not compiled.
    """

    set_id: str
    digest: str
    kinds: Mapping[str, Kind]
    files: Mapping[str, Path]
    costs: frozenset[Cost] = ANY_COST


def compiled_layers(
    table: Table, around: Surroundings
) -> tuple[tuple[Layer, ...], tuple[Unready, ...]]:
    """Compile all layers of a set, and tell which rules cannot be judged here.

    Raises:
        ConfigurationError: a layer or a rule is not what it must be.
    """
    layers: list[Layer] = []
    unready: list[Unready] = []
    layer_ids: set[str] = set()
    codes: set[str] = set()
    for each in table.tables("layer"):
        layers.append(_layer(each, around, unready, codes))
        if layers[-1].id in layer_ids:
            raise each.wrong("id", "another layer of this set has it: give each its own")
        layer_ids.add(layers[-1].id)
    return tuple(layers), tuple(unready)


def message_of(table: Table, key: str) -> Text:
    """Return a text in both languages.

    Raises:
        ConfigurationError: one is missing or empty, or has a place that is not a plain name.
    """
    section = table.section(key)
    text = section.text("nl"), section.text("en")
    section.done()
    try:
        return checked_text(*text)
    except OptionError as error:
        raise table.wrong(key, str(error)) from error


def _layer(table: Table, around: Surroundings, unready: list[Unready], codes: set[str]) -> Layer:
    id_ = table.matching("id", _LAYER_ID, "a name such as identity")
    stage = table.one_of("stage", _STAGES, Stage.CONTENT)
    goes_on = table.flag("goes_on")
    mime_types = table.texts("mime_types", "MIME types such as text/xml")
    rules: list[Rule] = []
    tables = table.tables("rule")
    table.done()
    for each in mime_types:
        if not _MIME_TYPE.fullmatch(each):
            raise table.wrong(
                "mime_types",
                f"{each!r} is no MIME type such as text/xml: small letters, no charset",
            )
    if not tables:
        raise table.wrong("rule", f"layer {id_} has no rule: write [[layer.rule]], or leave it out")
    for one in tables:
        rule, why = _rule(one, around)
        if rule.code in codes:
            raise one.wrong("code", f"another rule of this set has {rule.code}: give each its own")
        codes.add(rule.code)
        if why is not None:
            unready.append(why)
        if why is None or not why.left_out:
            rules.append(rule)
    return Layer(
        id_, around.set_id, around.digest, stage, tuple(rules), goes_on, frozenset(mime_types)
    )


def _rule(table: Table, around: Surroundings) -> tuple[Rule, Unready | None]:
    code = table.matching("code", CODE, CODE_IS)
    use = table.text("use")
    kind = _kind(table, use, around.kinds)
    declared = _declared(table)
    options = table.section("options").values()
    table.done()
    if kind.cost not in around.costs:
        return _elsewhere(code, use, kind.cost)
    why = None
    try:
        compiled = kind.compile(Ingredients(code, declared, options, around.files))
    except (OptionError, ConfigurationError) as error:
        raise table.wrong("options", str(error)) from error
    except TechnicalError as error:
        optional = isinstance(error, NotHere) and error.artefact.optional
        why = Unready(code, str(error), optional)
        compiled = Compiled(
            Look(_unable(str(error))), {code: declared or Declared("error", Text(code, code))}
        )
    except Exception as error:
        raise table.wrong(
            "use", f"kind {use} raised {type(error).__name__}, which its maker has to mend"
        ) from error
    _check(table, use, compiled)
    return Rule(code, use, kind.cost, compiled), why


def _elsewhere(code: str, use: str, cost: Cost) -> tuple[Rule, Unready]:
    """Return the place of a rule that another process compiles."""
    why = f"a worker for {cost.value} rules judges it"
    codes = {each: Declared("error", Text(each, each)) for each in (code, ELSEWHERE)}
    return Rule(code, use, cost, Compiled(Look(_unable(why)), codes)), Unready(code, why, False)


def _kind(table: Table, use: str, kinds: Mapping[str, Kind]) -> Kind:
    if use not in kinds:
        raise table.wrong("use", f"there is no kind {use!r}; there are {', '.join(sorted(kinds))}")
    try:
        return kinds[use]
    except ConfigurationError as error:
        raise table.wrong("use", str(error)) from error


def _declared(table: Table) -> Declared | None:
    """Return the severity and text of a rule; None when the kind has its own."""
    if not any(table.has(key) for key in ("severity", "message", "basis")):
        return None
    return Declared(
        table.one_of("severity", SEVERITIES),
        message_of(table, "message"),
        table.text("basis", "inferred"),
    )


def _check(table: Table, use: str, compiled: object) -> None:
    """Hold the kind to its types, for a plug-in of somebody else's may have none."""
    if not isinstance(compiled, Compiled) or not isinstance(
        compiled.way, Look | Read | Listen | Parsing
    ):
        raise table.wrong("use", f"kind {use} did not return a Compiled, as it must")
    codes: object = compiled.codes
    if not isinstance(codes, Mapping) or not codes:
        raise table.wrong("use", f"kind {use} says that the rule gives no code at all")
    for code, declared in codes.items():
        if not isinstance(code, str) or not CODE.fullmatch(code):
            raise table.wrong("use", f"kind {use} may give {code!r}, which is not {CODE_IS}")
        if not isinstance(declared, Declared) or declared.severity not in SEVERITIES:
            raise table.wrong("use", f"kind {use} gives {code} no severity that is known")
        try:
            checked_text(declared.text.nl, declared.text.en)
        except OptionError as error:
            raise table.wrong("use", f"kind {use}, {code}: {error}") from error


def _unable(why: str) -> Callable[[Subject], Iterable[Hit]]:
    def look(_: Subject) -> Iterable[Hit]:
        raise TechnicalError(why)

    return look
