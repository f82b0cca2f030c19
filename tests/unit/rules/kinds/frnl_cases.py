"""Instances of our own that keep or break the filing rules, over the taxonomy beside this.

Each says which rules it breaks, and where Arelle says something else, why.
"""

from tests.unit.rules.kinds.frnl_instances import (
    AMOUNT,
    EUR,
    HEAD,
    NAME,
    REF,
    ROOT,
    WHO,
    YEAR,
    Case,
    context,
    dims,
    divided,
    explicit,
    footnote,
    instance,
    plain,
    second,
    typed,
    unit,
    units,
)
from tests.unit.rules.kinds.frnl_taxonomy import HOME, NAMESPACE

_ONLY_TOP = "Arelle looks at facts outside of tuples alone"
_FOOTNOTE = (
    '<link:footnote xlink:type="resource" xlink:label="f" xml:lang="nl" '
    'xlink:role="http://www.xbrl.org/2003/role/footnote">Toelichting</link:footnote>'
)
_FACT_OF_FOOTNOTE = '<link:loc xlink:type="locator" xlink:href="#n" xlink:label="n"/>'
_LINKBASE_REF = (
    f'<link:linkbaseRef xlink:type="simple" xlink:href="{HOME}labels.xml" '
    'xlink:arcrole="http://www.w3.org/1999/xlink/properties/linkbase"/>'
)
_LINE = '<e:Line><e:North contextRef="c">{}</e:North><e:South contextRef="c">b</e:South></e:Line>'

OCTETS = (
    Case("plain", plain()),
    Case("no-declaration", plain(head="")),
    Case("small-utf-8", plain(head='<?xml version="1.0" encoding="utf-8"?>')),
    Case("single-quotes", plain(head="<?xml version='1.0' encoding='UTF-8'?>")),
    Case(
        "mark",
        b"\xef\xbb\xbf" + plain().encode(),
        ("1.01",),
        ("1.01", "1.05"),
        "UTF-8 with a mark is UTF-8; to Arelle it is another encoding",
    ),
    Case("allowed-characters", plain("<!-- ~ é ÿ ñ € ₿ \xa0 -->")),
    Case("quotes", plain('<e:Place contextRef="c">’s-Gravenhage</e:Place>'), ("1.02",)),
    Case("two-characters", plain('<e:Place contextRef="c">– ‘Delft’</e:Place>'), ("1.02",) * 3),
    Case("in-attribute", plain('<e:Place contextRef="c" id="ő">Delft</e:Place>'), ("1.02",)),
    Case("in-comment", plain("<!-- … -->"), ("1.02",)),
    Case(
        "windows-control",
        plain('<e:Place contextRef="c">\x92s-Gravenhage</e:Place>'),
        ("1.02",),
        (),
        "Arelle lets Latin-1 Supplement begin at U+0080; the rule says U+00A0",
    ),
    Case("name-references", plain('<e:Place contextRef="c">&lt;&gt;&amp;&apos;&quot;</e:Place>')),
    Case("allowed-references", plain('<e:Place contextRef="c">&#65;&#x41;&#8364;&#xE9;</e:Place>')),
    Case("reference", plain('<e:Place contextRef="c">&#8217;</e:Place>'), ("1.02", "1.04")),
    Case("hex-reference", plain('<e:Place contextRef="c">&#x10ffff;</e:Place>'), ("1.02", "1.04")),
    Case("in-value", plain('<e:Place contextRef="c" id="&#x151;">D</e:Place>'), ("1.02", "1.04")),
    Case(
        "reference-in-comment",
        plain("<!-- &#8217; -->"),
        ("1.02", "1.04"),
        ("1.04",),
        "in a comment it is no reference; to read octets it looks like one",
    ),
    Case("name-in-comment", plain("<!-- &eacute; -->"), ("1.04",)),
    Case("latin-1", plain(head='<?xml version="1.0" encoding="ISO-8859-1"?>'), ("1.05",)),
    Case(
        "latin-1-octets",
        plain("<!-- é -->", head='<?xml version="1.0" encoding="ISO-8859-1"?>').encode("latin-1"),
        ("1.05",),
    ),
    Case("ascii", plain(head='<?xml version="1.0" encoding="US-ASCII"?>'), ("1.05",)),
    Case(
        "utf-16",
        plain(head='<?xml version="1.0" encoding="UTF-16"?>').encode("utf-16"),
        ("1.01", "1.05"),
    ),
    Case("cdata", plain('<e:Place contextRef="c"><![CDATA[Delft]]></e:Place>'), ("2.06",)),
    Case("cdata-end-in-comment", plain("<!-- ]]> -->"), ("2.06",)),
    Case("cdata-end-written-out", plain('<e:Place contextRef="c">]]&gt;</e:Place>')),
)

DOCTYPES = (
    Case("doctype", plain(head=f"{HEAD}<!DOCTYPE xbrl>\n"), ("1.03",)),
    Case("doctype-in-comment", plain("<!-- <!DOCTYPE xbrl> -->")),
)

INSTANCES = (
    Case("no-lang", plain(root=ROOT.replace(' xml:lang="nl"', "")), ("2.03",)),
    Case("empty-lang", plain(root=ROOT.replace('lang="nl"', 'lang=""')), ("2.03",)),
    Case(
        "no-schema-ref",
        plain(refs=""),
        ("2.04",),
        ("3.03", "4.02"),
        "without a taxonomy Arelle knows no facts, so that nothing is in use",
    ),
    Case(
        "two-schema-refs",
        plain(refs=REF + REF.replace("entry.xsd", "second.xsd")),
        ("2.04",),
    ),
    Case("linkbase-ref", plain(refs=REF + _LINKBASE_REF), ("2.05",)),
    Case(
        "nil",
        plain('<e:Total contextRef="c" unitRef="EUR" xsi:nil="true"/>'),
        ("2.07", "5.03"),
        ("2.07",),
        "for Arelle only strings can be empty",
    ),
    Case("nil-string", plain('<e:Place contextRef="c" xsi:nil="true"/>'), ("2.07", "5.03")),
    Case("nil-false", plain('<e:Place contextRef="c" xsi:nil="false">D</e:Place>'), ("2.07",)),
    Case("nil-tuple", plain('<e:Line xsi:nil="true"/>'), ("2.07",)),
    Case(
        "nil-in-tuple",
        plain('<e:Line><e:North contextRef="c" xsi:nil="true"/></e:Line>'),
        ("2.07", "5.03"),
        (),
        _ONLY_TOP,
    ),
    Case("time", second(period=YEAR.replace("-31<", "-31T00:00:00<")), ("3.01",)),
    Case(
        "midnight",
        second(period=YEAR.replace("01-01<", "01-01T00:00:00<")),
        ("3.01",),
        ("3.01", "3.04"),
        "for Arelle a date at midnight equals the date; to us a time is the mistake",
    ),
    Case("time-at-start", second(period=YEAR.replace("01-01<", "01-01T12:00:00<")), ("3.01",)),
    Case(
        "instant",
        plain(
            context(
                "d", period="<xbrli:period><xbrli:instant>2026-01-01</xbrli:instant></xbrli:period>"
            ),
            '<e:Stock contextRef="d" unitRef="EUR" decimals="INF">1</e:Stock>',
        ),
    ),
    Case(
        "time-of-instant",
        plain(
            context(
                "d",
                period="<xbrli:period><xbrli:instant>2026-01-01T00:00:00</xbrli:instant></xbrli:period>",
            ),
            '<e:Stock contextRef="d" unitRef="EUR" decimals="INF">1</e:Stock>',
        ),
        ("3.01",),
        (),
        "Arelle looks at startDate and endDate alone",
    ),
    Case("forever", second(period="<xbrli:period><xbrli:forever/></xbrli:period>"), ("3.02",)),
    Case("unused-context", plain(context("d", period=YEAR.replace("2026", "2025"))), ("3.03",)),
    Case("two-contexts", second(period=YEAR.replace("2026", "2025"))),
    Case(
        "used-in-tuple",
        plain(
            context("d", period=YEAR.replace("2026", "2025")),
            '<e:Line><e:North contextRef="d">a</e:North></e:Line>',
        ),
    ),
    Case(
        "contexts-last",
        instance(NAME, AMOUNT, context(), EUR),
    ),
    Case("equal-contexts", second(), ("3.04",)),
    Case("equal-but-space", second(who=WHO.replace(">001", ">\n 001")), ("3.04",)),
    Case("other-scheme", second(who=WHO.replace("number", "nummer"))),
    Case("other-number", second(who=WHO.replace("37<", "38<"))),
    Case(
        "dimensions-in-another-order",
        dims(
            explicit("e:Axis", "e:Name") + explicit("e:Side", "e:Name"),
            explicit("e:Side", "e:Name") + explicit("e:Axis", "e:Name"),
        ),
        ("3.04",),
    ),
    Case(
        "another-prefix",
        dims(
            explicit("e:Axis", "e:Name"),
            explicit("x:Axis", "x:Name"),
            declared=f'xmlns:x="{NAMESPACE}"',
        ),
        ("3.04",),
    ),
    Case("another-member", dims(explicit("e:Axis", "e:Name"), explicit("e:Axis", "e:Place"))),
    Case("another-dimension", dims(explicit("e:Axis", "e:Name"), explicit("e:Side", "e:Name"))),
    Case(
        "dimension-in-segment",
        instance(
            context("c", segment=explicit("e:Axis", "e:Name")),
            context("d", scenario=explicit("e:Axis", "e:Name")),
            NAME,
            '<e:Place contextRef="d">Delft</e:Place>',
        ),
        ("3.04",),
    ),
    Case(
        "typed",
        dims(typed("e:Number", "<e:Key>1</e:Key>"), typed("e:Number", "<e:Key>1</e:Key>")),
        ("3.04",),
    ),
    Case(
        "typed-other",
        dims(typed("e:Number", "<e:Key>1</e:Key>"), typed("e:Number", "<e:Key>2</e:Key>")),
    ),
    Case(
        "typed-other-element",
        dims(typed("e:Number", "<e:Key>1</e:Key>"), typed("e:Number", "<e:Note>1</e:Note>")),
    ),
    Case(
        "other-attribute",
        instance(
            context("c", segment='<e:Note e:kind="a">a</e:Note>'),
            context("d", segment='<e:Note e:kind="b">a</e:Note>'),
            NAME,
            '<e:Place contextRef="d">Delft</e:Place>',
        ),
    ),
    Case(
        "other-content",
        instance(
            context("c", segment="<e:Note>a</e:Note>"),
            context("d", segment="<e:Note>b</e:Note>"),
            NAME,
            '<e:Place contextRef="d">Delft</e:Place>',
        ),
    ),
    Case(
        "equal-content",
        instance(
            context("c", segment="<e:Note>a</e:Note>"),
            context("d", segment="<e:Note>a</e:Note>"),
            NAME,
            '<e:Place contextRef="d">Delft</e:Place>',
        ),
        ("3.04",),
    ),
    Case("equal-units", units(unit("u", "iso4217:EUR"), unit("v", "iso4217:EUR")), ("4.01",)),
    Case(
        "unit-with-another-prefix",
        units(
            unit("u", "iso4217:EUR"),
            unit("v", "\n m:EUR ", 'xmlns:m="http://www.xbrl.org/2003/iso4217"'),
        ),
        ("4.01",),
    ),
    Case("two-units", units(unit("u", "iso4217:EUR"), unit("v", "iso4217:USD"))),
    Case(
        "ratios",
        instance(
            context(),
            divided("u", "e:A e:B", "e:C"),
            divided("v", "e:B e:A", "e:C"),
            *(
                f'<e:{name} contextRef="c" unitRef="{unit}"><xbrli:numerator>1</xbrli:numerator>'
                f"<xbrli:denominator>3</xbrli:denominator></e:{name}>"
                for name, unit in (("Part", "u"), ("Part", "v"))
            ),
        ),
        ("4.01",),
        ("4.01", "5.01"),
        "to Arelle facts of equal units are duplicates; to us that is one mistake, not two",
    ),
    Case(
        "ratios-upside-down",
        instance(
            context(),
            divided("u", "e:A", "e:C"),
            divided("v", "e:C", "e:A"),
            *(
                f'<e:{name} contextRef="c" unitRef="{unit}"><xbrli:numerator>1</xbrli:numerator>'
                f"<xbrli:denominator>3</xbrli:denominator></e:{name}>"
                for name, unit in (("Part", "u"), ("Part", "v"))
            ),
        ),
    ),
    Case(
        "ratios-with-another-denominator",
        instance(
            context(),
            divided("u", "e:A", "e:C"),
            divided("v", "e:A", "e:B"),
            *(
                f'<e:Part contextRef="c" unitRef="{unit}"><xbrli:numerator>1</xbrli:numerator>'
                "<xbrli:denominator>3</xbrli:denominator></e:Part>"
                for unit in ("u", "v")
            ),
        ),
    ),
    Case("unused-unit", plain(unit("v", "iso4217:USD")), ("4.02",)),
    Case("twice", plain(NAME.replace("Voorbeeld", "Anders")), ("5.01",)),
    Case("twice-the-same", plain(AMOUNT), ("5.01",)),
    Case(
        "other-unit",
        plain(
            unit("v", "iso4217:USD"),
            AMOUNT.replace('"EUR"', '"v"'),
        ),
    ),
    Case(
        "two-lines",
        plain(_LINE.format("a"), _LINE.format("a")),
        (),
        ("5.01",),
        "to Arelle two tuples of a name are duplicates; a list of lines has as many as it has",
    ),
    Case(
        "twice-in-a-line",
        plain(
            '<e:Line><e:North contextRef="c">a</e:North>'
            '<e:North contextRef="c">b</e:North></e:Line>'
        ),
        ("5.01",),
        (),
        _ONLY_TOP,
    ),
    Case(
        "in-and-out-of-a-line",
        plain(
            '<e:North contextRef="c">a</e:North>',
            _LINE.format("a"),
        ),
    ),
    Case(
        "twice-around-a-line",
        plain(
            '<e:Mail contextRef="c">a</e:Mail>',
            _LINE.format("a"),
            '<e:Mail contextRef="c">b</e:Mail>',
        ),
        ("5.01",),
    ),
    Case(
        "other-context",
        plain(context("d", period=YEAR.replace("2026", "2025")), NAME.replace('"c"', '"d"')),
    ),
    Case("empty", plain('<e:Place contextRef="c"></e:Place>'), ("5.03",)),
    Case("empty-but-comment", plain('<e:Place contextRef="c"><!-- x --></e:Place>'), ("5.03",)),
    Case("space", plain('<e:Place contextRef="c"> </e:Place>')),
    Case(
        "empty-amount",
        plain('<e:Total contextRef="c" unitRef="EUR" decimals="INF"></e:Total>'),
        ("5.03",),
        (),
        "for Arelle only strings can be empty; this breaks the type of the fact",
    ),
    Case(
        "precision",
        plain('<e:Total contextRef="c" unitRef="EUR" precision="3">100</e:Total>'),
        ("5.06",),
    ),
    Case(
        "footnote",
        plain(
            '<e:Place contextRef="c" id="n">Delft</e:Place>',
            footnote(_FACT_OF_FOOTNOTE + _FOOTNOTE),
        ),
        ("6.01",),
    ),
    Case(
        "no-footnote-in-it",
        plain(footnote("")),
        ("6.01",),
        (),
        "there is no footnote; yet nobody needs the list of them",
    ),
)
CASES = OCTETS + DOCTYPES + INSTANCES
