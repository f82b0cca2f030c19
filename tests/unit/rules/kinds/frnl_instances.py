"""What instances of our own are made of, over the taxonomy beside this, and what a case is."""

from dataclasses import dataclass

from tests.unit.rules.kinds.frnl_taxonomy import HOME, NAMESPACE

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
ROOT = (
    '<xbrli:xbrl xmlns:xbrli="http://www.xbrl.org/2003/instance" '
    'xmlns:link="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:iso4217="http://www.xbrl.org/2003/iso4217" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xmlns:xbrldi="http://xbrl.org/2006/xbrldi" xmlns:e="{NAMESPACE}" xml:lang="nl">'
)
REF = f'<link:schemaRef xlink:type="simple" xlink:href="{HOME}entry.xsd"/>'
END = "</xbrli:xbrl>\n"
YEAR = (
    "<xbrli:period><xbrli:startDate>2026-01-01</xbrli:startDate>"
    "<xbrli:endDate>2026-12-31</xbrli:endDate></xbrli:period>"
)
WHO = '<xbrli:identifier scheme="urn:example:number">001000044B37</xbrli:identifier>'
EUR = '<xbrli:unit id="EUR"><xbrli:measure>iso4217:EUR</xbrli:measure></xbrli:unit>'
NAME = '<e:Name contextRef="c">Voorbeeld</e:Name>'
AMOUNT = '<e:Amount contextRef="c" unitRef="EUR" decimals="INF">100</e:Amount>'
TOTAL = '<e:Total contextRef="c" unitRef="EUR" decimals="INF">100</e:Total>'


def context(
    ident: str = "c",
    *,
    who: str = WHO,
    segment: str = "",
    period: str = YEAR,
    scenario: str = "",
    declared: str = "",
) -> str:
    inner = f"<xbrli:segment>{segment}</xbrli:segment>" if segment else ""
    outer = f"<xbrli:scenario>{scenario}</xbrli:scenario>" if scenario else ""
    entity = f"<xbrli:entity>{who}{inner}</xbrli:entity>"
    return f'<xbrli:context id="{ident}" {declared}>{entity}{period}{outer}</xbrli:context>'


def explicit(dimension: str, member: str) -> str:
    return f'<xbrldi:explicitMember dimension="{dimension}">{member}</xbrldi:explicitMember>'


def typed(dimension: str, content: str) -> str:
    return f'<xbrldi:typedMember dimension="{dimension}">{content}</xbrldi:typedMember>'


def divided(ident: str, numerator: str, denominator: str) -> str:
    above = "".join(f"<xbrli:measure>{one}</xbrli:measure>" for one in numerator.split())
    below = "".join(f"<xbrli:measure>{one}</xbrli:measure>" for one in denominator.split())
    return (
        f'<xbrli:unit id="{ident}"><xbrli:divide><xbrli:unitNumerator>{above}'
        f"</xbrli:unitNumerator><xbrli:unitDenominator>{below}</xbrli:unitDenominator>"
        "</xbrli:divide></xbrli:unit>"
    )


def instance(*parts: str, root: str = ROOT, refs: str = REF, head: str = HEAD) -> str:
    return "\n".join((f"{head}{root}", refs, *parts, END))


def plain(*parts: str, root: str = ROOT, refs: str = REF, head: str = HEAD) -> str:
    """Return an instance with a context, a unit, two facts, and these parts."""
    return instance(context(), EUR, NAME, AMOUNT, *parts, root=root, refs=refs, head=head)


@dataclass(frozen=True)
class Case:
    name: str
    document: str | bytes
    broken: tuple[str, ...] = ()
    """Codes without ``FR-NL-``, in order."""
    arelle: tuple[str, ...] | None = None
    """What Arelle says, when that is something else; for ``why``."""
    why: str = ""

    @property
    def octets(self) -> bytes:
        return self.document if isinstance(self.document, bytes) else self.document.encode()

    @property
    def codes(self) -> list[str]:
        return [f"FR-NL-{code}" for code in self.broken]

    @property
    def by_arelle(self) -> list[str]:
        said = self.broken if self.arelle is None else self.arelle
        return [f"FR-NL-{code}" for code in said]


def second(**how: str) -> str:
    """Return an instance with a context ``d`` beside ``c``, both in use."""
    return plain(context("d", **how), '<e:Place contextRef="d">Delft</e:Place>')


def dims(one: str, other: str, **declared: str) -> str:
    return instance(
        context("c", scenario=one),
        context("d", scenario=other, **declared),
        NAME,
        '<e:Place contextRef="d">Delft</e:Place>',
    )


def units(one: str, other: str) -> str:
    total = '<e:Total contextRef="c" unitRef="v" decimals="INF">100</e:Total>'
    amount = '<e:Amount contextRef="c" unitRef="u" decimals="INF">100</e:Amount>'
    return instance(context(), one, other, amount, total)


def unit(ident: str, measure: str, declared: str = "") -> str:
    return (
        f'<xbrli:unit id="{ident}" {declared}><xbrli:measure>{measure}</xbrli:measure></xbrli:unit>'
    )


def footnote(inner: str) -> str:
    return (
        '<link:footnoteLink xlink:type="extended" '
        f'xlink:role="http://www.xbrl.org/2003/role/link">{inner}</link:footnoteLink>'
    )
