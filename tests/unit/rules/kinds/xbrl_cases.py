"""Instances, and what the kind ``xbrl`` must say of each."""

from dataclasses import dataclass

from tests.unit.rules.kinds.xbrl_taxonomy import (
    SECOND,
    amount,
    context,
    good,
    instance,
    unit,
)

DAY = "<xbrli:instant>2026-12-31</xbrli:instant>"
BACKWARDS = "<xbrli:startDate>2026-12-31</xbrli:startDate><xbrli:endDate>2026-01-01</xbrli:endDate>"


@dataclass(frozen=True, slots=True)
class Case:
    """An instance and what is said of it.

    Args:
        codes: of the findings, behind that of the rule.
        warned: whether these are warnings alone.
    """

    name: str
    octets: bytes
    codes: tuple[str, ...] = ()
    warned: bool = False


CASES = (
    Case("good", good()),
    Case("nothing", instance()),
    Case("second entry point", good(ref=SECOND)),
    Case("instant", instance(context(period=DAY), unit(), amount("Assets", 1))),
    Case("comment", good().replace(b"<xbrli:unit", b"<!-- a -->\n<xbrli:unit")),
    Case("nil", instance(context(), '<e:Name contextRef="c" xsi:nil="true"/>')),
    Case("typed value", instance(context(), '<e:Day contextRef="c">2026-01-31</e:Day>')),
    # XBRL 2.1
    Case("no context", instance(unit(), amount("Costs", 1, "z")), ("CONTEXT",)),
    Case(
        "context of another period", instance(context(), unit(), amount("Assets", 1)), ("CONTEXT",)
    ),
    Case(
        "backwards",
        instance(context(period=BACKWARDS), unit(), amount("Costs", 1)),
        ("CONTEXT",),
    ),
    Case("no unit", instance(context(), amount("Costs", 1)), ("EENHEID",)),
    Case(
        "unit that is no currency",
        instance(context(), unit(measure="xbrli:pure"), amount("Costs", 1)),
        ("EENHEID",),
    ),
    Case("no number", instance(context(), unit(), amount("Costs", "veel")), ("WAARDE",)),
    Case("no day", instance(context(), '<e:Day contextRef="c">31-01-2026</e:Day>'), ("WAARDE",)),
    Case(
        "unknown fact",
        instance(context(), '<e:Losses contextRef="c">1</e:Losses>'),
        ("ELEMENT", "ONBEKEND"),
    ),
    Case(
        "abstract fact",
        instance(context(), '<e:North contextRef="c">1</e:North>'),
        ("ELEMENT",),
    ),
    Case(
        "both decimals and precision",
        instance(context(), unit(), amount("Costs", 1, more='precision="2"')),
        ("",),
    ),
    Case("id of another", good().replace(b"<e:Name ", b'<e:Name id="c" '), ("",)),
    Case(
        "twice",
        instance(context(), unit(), amount("Costs", 1), amount("Costs", 2)),
        ("DUBBEL",),
        warned=True,
    ),
    # Dimensions
    Case(
        "member of no table",
        instance(context(member="South"), unit(), amount("Turnover", 1)),
        ("DIMENSIE",),
    ),
    Case(
        "member where there is no table",
        instance(context(member="North", axis="Name"), unit(), amount("Costs", 1)),
        ("DIMENSIE",),
    ),
    Case(
        "member that is none",
        instance(context(member="Nobody"), unit(), amount("Turnover", 1)),
        ("DIMENSIE", "DIMENSIE"),
    ),
    Case("no member", instance(context(), unit(), amount("Turnover", 1)), ("DIMENSIE",)),
    # Assertions
    Case("sum", good(61), ("CONTROLE",)),
    Case("too much", good(5000), ("CONTROLE", "CONTROLE")),
    Case(
        "sum and value",
        instance(context(), unit(), amount("Costs", 1), amount("Profit", 2), amount("Assets", 3)),
        ("CONTROLE", "CONTEXT"),
    ),
)
