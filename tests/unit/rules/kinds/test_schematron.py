import re
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest
from lxml import etree

from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.case_files import load_cases
from digipoort_wus.rules.cases import Held, run_cases
from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.kinds import schematron_saxon
from digipoort_wus.rules.kinds.schematron import SCHEMATRON
from digipoort_wus.rules.kinds.schematron_saxon import Stylesheet
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.model import Cost, Hit, Look, OptionError, Rule, TechnicalError
from digipoort_wus.rules.subject import TREE_MAX
from tests.conftest import need
from tests.unit.rules.kinds.judging import findings, report, rule, subject
from tests.unit.rules.kinds.schematron_sheets import DECLARED, check, sheet, written

SETS = SHIPPED
TEXTS: Mapping[str, object] = {"N-1": {"nl": "fout in {element} op {line}", "en": "wrong"}}


@pytest.fixture
def saxon() -> None:
    found = find_spec("saxonche") is not None
    need("saxonche", found=found, install="pip install 'digipoort-wus[schematron]'")


def judged(
    home: Path, *asserts: str, texts: Mapping[str, object] = TEXTS, before: str = ""
) -> Rule:
    path = written(home, sheet(*asserts, before=before))
    options = {"stylesheet": "rules.xsl", "texts": texts}
    return rule(SCHEMATRON, options, code="N", artefacts={"rules.xsl": path})


def document(*values: str) -> str:
    inner = "".join(f"\n<a v='w'>{value}</a>" for value in values)
    return f"<x xmlns='urn:n'>{inner}</x>"


@pytest.mark.usefixtures("saxon")
class TestJudging:
    def test_valid_and_invalid(self, tmp_path: Path) -> None:
        number = judged(tmp_path, check("number(.) = number(.)"))
        assert SCHEMATRON.cost is Cost.HEAVY
        assert findings(subject(document("1", "2")), number) == ()
        (found,) = findings(subject(document("1", "geheim")), number)
        assert (found.code, found.severity) == ("N-1", "error")
        assert found.text == "fout in a op 3"
        assert found.where == "/*[local-name()='x']/*[local-name()='a'] (regel 3)"

    def test_an_attribute_is_named(self, tmp_path: Path) -> None:
        asserts = check("@v = 'x'", location="{@v/path()}")
        (found,) = findings(subject(document("1")), judged(tmp_path, asserts))
        assert found.text == "fout in a/@v op 2"
        assert found.where == "/*[local-name()='x']/*[local-name()='a']/@v (regel 2)"

    def test_a_location_that_is_made_of_the_document_is_not_said(self, tmp_path: Path) -> None:
        asserts = check("false()", location="/{.}")
        (found,) = findings(subject(document("geheim")), judged(tmp_path, asserts))
        assert (found.text, found.where) == ("fout in ? op ?", "")

    def test_letters_that_are_not_ascii_arrive(self, tmp_path: Path) -> None:
        euro = judged(tmp_path, check(". = 'é€'"))
        for encoding in ("utf-8", "utf-16", "iso8859-15"):
            declared = f"<?xml version='1.0' encoding='{encoding}'?>"
            text = document("é€")
            assert findings(subject((declared + text).encode(encoding)), euro) == ()
        assert len(findings(subject(document("e€")), euro)) == 1

    @pytest.mark.parametrize(
        ("attributes", "said", "severity"),
        [
            ("role='warning'", {}, "warning"),
            ("flag='fatal'", {}, "error"),
            ("", {}, "error"),
            ("role='warning'", {"severity": "error"}, "error"),
            ("role='error'", {"severity": "info"}, "info"),
            ("role='error'", {"severity": "fatal"}, "fatal"),
        ],
    )
    def test_the_set_says_how_severe_it_is_or_else_the_schematron(
        self, tmp_path: Path, attributes: str, said: Mapping[str, str], severity: str
    ) -> None:
        texts = {"N-1": {"nl": "n", "en": "e", **said}}
        one = judged(tmp_path, check("false()", attributes=attributes), texts=texts)
        (found,) = findings(subject(document("1")), one)
        assert found.severity == severity

    def test_an_id_that_is_no_code_gets_one(self, tmp_path: Path) -> None:
        long = "PEPPOL-EN16931-R053-AND-MORE"
        texts = {long: {"nl": "n", "en": "e", "code": "R053", "basis": "a clause"}}
        one = judged(tmp_path, check("false()", long), texts=texts)
        assert [each.code for each in findings(subject(document("1")), one)] == ["R053"]
        assert one.compiled.codes["R053"].basis == "a clause"
        (hit,) = hits(one, document("1"))
        assert hit.engine_code == long

    def test_of_many_hits_none_hides_another(self, tmp_path: Path) -> None:
        asserts = (check("false()", attributes="role='warning'"), check(". != 'z'", "N-2"))
        one = judged(tmp_path, *asserts, texts={**TEXTS, "N-2": {"nl": "{line}", "en": "e"}})
        found = report(subject(document(*["1"] * 500, "z")), one)
        assert found.outcome is Outcome.INVALID
        assert len(found.findings) == 101
        assert found.findings[-1].text == "502"

    def test_a_document_that_cannot_be_parsed_is_not_judged(self, tmp_path: Path) -> None:
        one = judged(tmp_path, check("true()"))
        assert report(subject("<x"), one).outcome is Outcome.UNDETERMINED
        doctype = "<!DOCTYPE x [<!ENTITY e 'x'>]><x>&e;</x>"
        assert report(subject(doctype), one).outcome is Outcome.UNDETERMINED

    def test_a_document_without_a_tree_is_not_judged(self, tmp_path: Path) -> None:
        found = report(subject(document("1") + " " * TREE_MAX), judged(tmp_path, check("true()")))
        assert found.outcome is Outcome.UNDETERMINED

    def test_threads_may_share_a_rule(self, tmp_path: Path) -> None:
        one = judged(tmp_path, check("number(.) lt 20"))
        counts: dict[int, list[int]] = {}

        def work(number: int) -> None:
            text = document(*map(str, range(20 + number)))
            counts[number] = [len(findings(subject(text), one)) for _ in range(20)]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert counts == {number: [number] * 20 for number in range(4)}

    def test_an_id_that_is_only_known_when_it_is_reported(self, tmp_path: Path) -> None:
        one = judged(tmp_path, check("true()"), check(". = '1'", "{'N-', .}"))
        assert findings(subject(document("1")), one) == ()
        found = report(subject(document("geheim")), one)
        assert found.outcome is Outcome.UNDETERMINED
        why = "the stylesheet reports an id that the set has no text for"
        assert found.technical == f"s@1 RULE: {why}".replace("RULE", "N")


BREAKS = [
    "<xsl:message terminate='yes'>geheim <xsl:value-of select='.'/></xsl:message>",
    "<xsl:value-of select='xs:decimal(.)'/>",
    "<xsl:value-of select=\"error(xs:QName('n:geheim'), .)\"/>",
    "<xsl:value-of select='n:endless(1)'/>",
    "<svrl:error>geheim</svrl:error>",
]
ENDLESS = (
    "<xsl:function name='n:endless'><xsl:param name='n'/>"
    "<xsl:sequence select='1 + n:endless($n + 1)'/></xsl:function>"
)


@pytest.mark.usefixtures("saxon")
class TestBreaking:
    @pytest.mark.parametrize("breaks", BREAKS)
    def test_nothing_is_said_of_the_document(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], breaks: str
    ) -> None:
        one = judged(tmp_path, check("true()"), breaks, before=ENDLESS)
        found = report(subject(document("geheim")), one)
        assert found.outcome is Outcome.UNDETERMINED
        assert found.technical.startswith("s@1 N: the stylesheet ")
        assert "geheim" not in found.technical
        assert capfd.readouterr() == ("", "")
        # And it goes on.
        assert report(subject("<x/>"), one).outcome is Outcome.VALID

    def test_messages_are_not_written(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        says = "<xsl:message>geheim <xsl:value-of select='.'/></xsl:message>"
        assert findings(subject(document("1")), judged(tmp_path, says, check("true()"))) == ()
        assert capfd.readouterr() == ("", "")

    def test_a_stylesheet_that_writes_no_svrl(self, tmp_path: Path) -> None:
        path = written(tmp_path, sheet(check("true()"), root="x"))
        options = {"stylesheet": "rules.xsl", "texts": TEXTS}
        one = rule(SCHEMATRON, options, artefacts={"rules.xsl": path})
        assert report(subject(document("1")), one).outcome is Outcome.UNDETERMINED

    @pytest.mark.parametrize("method", ["text", "xml' encoding='utf-16"])
    def test_a_stylesheet_that_writes_no_text_that_can_be_read(
        self, tmp_path: Path, method: str
    ) -> None:
        one = judged(tmp_path, check("true()"), before=f"<xsl:output method='{method}'/>")
        assert report(subject(document("é")), one).outcome is Outcome.UNDETERMINED

    def test_a_stylesheet_that_cannot_be_compiled(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match=r"Saxon cannot compile it: .*XPST0003"):
            judged(tmp_path, check("a["))


def hits(one: Rule, text: str) -> list[Hit]:
    assert isinstance(one.compiled.way, Look)
    return list(one.compiled.way.look(subject(text)))


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "secret.xml"
    path.write_text("<s>SECRET</s>")
    monkeypatch.setenv("SECRET_OF_A_TEST", "SECRET")
    return path


REACHING = [
    "<xsl:copy-of select=\"doc('{uri}')\"/>",
    "<xsl:copy-of select=\"doc('{path}')\"/>",
    "<xsl:copy-of select=\"document('{uri}')\"/>",
    "<xsl:copy-of select=\"collection('{uri}')\"/>",
    "<xsl:value-of select=\"unparsed-text('{uri}')\"/>",
    "<xsl:value-of select=\"unparsed-text-lines('{uri}')\"/>",
    "<xsl:source-document href='{uri}'><xsl:copy-of select='.'/></xsl:source-document>",
    "<xsl:evaluate xpath=\"'doc(&quot;{uri}&quot;)'\"/>",
    "<xsl:value-of select=\"environment-variable('SECRET_OF_A_TEST')\"/>",
    "<xsl:value-of select=\"system-property('user.home')\"/>",
    "<xsl:value-of select=\"parse-xml('&lt;!DOCTYPE s [&lt;!ENTITY e SYSTEM "
    "&quot;{uri}&quot;>]>&lt;s>&amp;e;&lt;/s>')\"/>",
]


@pytest.mark.usefixtures("saxon")
class TestReaching:
    """What Saxon is set up to refuse, also where the stylesheet is not looked at before."""

    @pytest.mark.parametrize("reaching", REACHING)
    def test_nothing_is_read(self, secret: Path, reaching: str) -> None:
        inner = reaching.format(uri=secret.as_uri(), path=secret)
        assert "SECRET" not in made(inner)
        assert str(Path.home()) not in made(inner)

    def test_nothing_is_written(self, tmp_path: Path) -> None:
        target = tmp_path / "out.xml"
        with pytest.raises(OptionError, match="result-document is disabled"):
            made(f"<xsl:result-document href='{target.as_uri()}'>x</xsl:result-document>")
        assert not target.exists()

    @pytest.mark.parametrize("name", ["import", "include"])
    def test_nothing_is_included(self, secret: Path, name: str) -> None:
        with pytest.raises(OptionError, match="prohibited"):
            made("", before=f"<xsl:{name} href='{secret.as_uri()}'/>")

    def test_nobody_is_asked(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            address = f"http://127.0.0.1:{server.getsockname()[1]}/"
            assert made(f"<xsl:copy-of select=\"doc('{address}')\"/>") == ""
            with pytest.raises(BlockingIOError):
                server.accept()

    def test_no_text_is_run(self) -> None:
        assert made("<xsl:evaluate xpath=\"'1 + 1'\"/>") == ""

    def test_no_doctype_is_parsed(self) -> None:
        processor = schematron_saxon._processor()
        with pytest.raises(Exception, match="DOCTYPE is disallowed"):
            processor.parse_xml(
                xml_text="<!DOCTYPE s [<!ENTITY e 'x'>]><s>&e;</s>", encoding="UTF-8"
            )


def made(inner: str, before: str = "") -> str:
    """Return what a stylesheet makes; nothing when it ends with an error."""
    text = (
        f"<xsl:stylesheet version='3.0' {DECLARED}>{before}"
        f"<xsl:template match='/'><out>{inner}</out></xsl:template></xsl:stylesheet>"
    )
    stylesheet = Stylesheet(etree.fromstring(text))
    try:
        return stylesheet.transformed(etree.fromstring("<s/>"))
    except TechnicalError:
        return ""


def test_reaching_is_told_from_a_stylesheet_that_works(saxon: None) -> None:
    assert "SECRET" in made("<xsl:value-of select=\"'SECRET'\"/>")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stylesheet": None}, "option stylesheet is missing"),
        ({"stylesheet": "other.xsl"}, "other.xsl"),
        ({"texts": None}, "option texts is missing: it has a table for each assert and report"),
        ({"texts": {}}, "option texts is missing"),
        ({"texts": {"N-1": "fout"}}, "option texts.N-1 must be a table with nl and en"),
        ({"texts": {"N-1": {"nl": "n"}}}, "option texts.N-1: "),
        ({"texts": {"N-1": {"nl": "{0}", "en": "e"}}}, "option texts.N-1: "),
        (
            {"texts": {"N-1": {"nl": "{found}", "en": "e"}}},
            "option texts.N-1: places are {element} and {line} alone",
        ),
        (
            {"texts": {"N-1": {"nl": "n", "en": "e", "role": "x"}}},
            "option texts.N-1.role is not known; known options: code, severity, basis",
        ),
        (
            {"texts": {"N-1": {"nl": "n", "en": "e", "severity": "bad"}}},
            "option texts.N-1.severity must be one of info, warning, error, fatal",
        ),
        (
            {"texts": {"N-1": {"nl": "n", "en": "e", "code": "N" * 21}}},
            f"{'N' * 21} has more than 20 characters: give a code with texts.N-1.code",
        ),
        (
            {"texts": {"N-2": {"nl": "n", "en": "e"}}},
            "option texts has no text for N-1, which rules.xsl may report",
        ),
        (
            {"texts": {**TEXTS, "N-2": {"nl": "n", "en": "e"}}},
            "option texts.N-2: rules.xsl has no such assert; it has N-1",
        ),
        ({"other": 1}, "option other is not known; known options: stylesheet, texts"),
    ],
)
def test_options_that_are_wrong(tmp_path: Path, options: Mapping[str, object], said: str) -> None:
    path = written(tmp_path, sheet(check("true()")))
    given = {"stylesheet": "rules.xsl", "texts": TEXTS, **options}
    given = {key: value for key, value in given.items() if value is not None}
    with pytest.raises((OptionError, KeyError), match=re.escape(said)):
        rule(SCHEMATRON, given, artefacts={"rules.xsl": path})


def test_texts_of_its_own_are_in_its_options(tmp_path: Path) -> None:
    path = written(tmp_path, sheet(check("true()")))
    options = {"stylesheet": "rules.xsl", "texts": TEXTS}
    with pytest.raises(OptionError, match="leave severity and message out"):
        rule(SCHEMATRON, options, "fout", artefacts={"rules.xsl": path})


def test_one_code_has_one_text(saxon: None, tmp_path: Path) -> None:
    asserts = (check("true()"), check(". != 'geheim'", "N-2"))
    same = {"nl": "n", "en": "e", "code": "N"}
    one = judged(tmp_path, *asserts, texts={"N-1": same, "N-2": same})
    assert list(one.compiled.codes) == ["N"]
    with pytest.raises(OptionError, match="option texts gives N twice, and not the same text"):
        judged(tmp_path, *asserts, texts={"N-1": same, "N-2": {**same, "nl": "m"}})


@pytest.fixture
def _not_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "saxonche", None)
    schematron_saxon._processor.cache_clear()
    yield
    schematron_saxon._processor.cache_clear()


SAID = "saxonche is not installed: pip install 'digipoort-wus[schematron]'"


@pytest.mark.usefixtures("_not_installed")
class TestWithoutTheExtra:
    def test_it_says_what_to_install(self, tmp_path: Path) -> None:
        with pytest.raises(TechnicalError) as caught:
            judged(tmp_path, check("true()"))
        assert str(caught.value) == SAID

    def test_what_is_wrong_in_the_set_is_told_all_the_same(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="may report"):
            judged(tmp_path, check("true()"), check("true()", "N-2"))

    def test_a_shipped_set_loads_and_lets_nothing_through(self) -> None:
        loaded = catalogue_of(load_sets([SETS], installed_kinds()))
        cases = load_cases(SETS / "cases" / "example.invoice.toml")
        tested = run_cases(loaded, cases.set_name, cases.cases)
        assert tested.unready == (f"INV: {SAID}",)
        held = {each.case: each for each in tested.verdicts}
        assert held["INV-XSD: no number"].held is Held.HELD
        for name in ("an invoice", "INV-01: the lines are more than their total"):
            assert held[name].held is Held.SKIPPED
            assert held[name].why == f"the set cannot be judged here: {SAID}"
        assert not [each for each in tested.verdicts if each.held is Held.BROKEN]
