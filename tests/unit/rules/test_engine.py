import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

import digipoort_wus.rules
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.rules import SHIPPED, Checked, Engine, Outcome, Report, RuleEngine, Stage
from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.engine import FileContent, choose, judge
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.subject import subject_of
from tests.unit.rules.plans import came
from tests.unit.rules.writing import KINDS, write_set

PARTY = Party("001000044B37", "BTW")
INSTANCE = """\
<xbrl xmlns="http://www.xbrl.org/2003/instance"><context id="c"><entity>
<identifier scheme="http://www.belastingdienst.nl/identificatie">{}</identifier>
</entity></context></xbrl>"""
IN_2026 = datetime(2026, 6, 1, tzinfo=UTC)
SET = """\
id = "nl.agency.stock"
version = "{version}"
title.nl = "Voorraad"
title.en = "Stock"
berichtsoorten = ["Voorraad"]
valid_from = {year}-01-01
valid_until = {year}-12-31
requires = ["nl.base@1"]
[[layer]]
id = "content"
[[layer.rule]]
code = "STOCK-1"
use = "xpath"
severity = "error"
message.nl = "Er is geen voorraad."
message.en = "There is no stock."
options.test = "/stock/{child}"
"""


@pytest.fixture(scope="module")
def shipped() -> Engine:
    return Engine.shipped()


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    directory = tmp_path_factory.mktemp("sets")
    for year in (2025, 2026):
        text = SET.format(version=f"{year}.1", year=year, child=f"in{year}")
        (directory / f"{year}.toml").write_text(text)
    return Engine.of((SHIPPED, directory))


def filed(content: str, berichtsoort: str = "Iets", received: datetime = IN_2026) -> Filing:
    document = Document("text/xml", "a.xml", content.encode())
    delivery = Delivery(berichtsoort, PARTY, "Belastingplichtige", document)
    return Filing("kenmerk", "berichtkenmerk", "0" * 20, received, delivery)


def file(directory: Path, content: str) -> Path:
    path = directory / "aangifte.xml"
    path.write_text(content)
    return path


def test_it_is_an_engine_of_a_gateway(shipped: Engine) -> None:
    engine: RuleEngine = shipped
    for stage in Stage:
        found = engine.validate(filed(INSTANCE.format(PARTY.number)), stage)
        assert (found.outcome, found.findings) == (Outcome.VALID, ())
    found = engine.validate(filed(INSTANCE.format("001000044B99")), Stage.ENVELOPE)
    assert found.outcome is Outcome.INVALID
    assert [one.code for one in found.findings] == ["IDENTITEIT-ANDERS"]


def test_the_day_of_receipt_chooses(stock: Engine) -> None:
    for year in (2025, 2026):
        received = datetime(year, 6, 1, tzinfo=UTC)
        for other in (2025, 2026):
            filing = filed(f"<stock><in{other}/></stock>", "Voorraad", received)
            found = stock.validate(filing, Stage.CONTENT)
            assert (found.outcome is Outcome.VALID) == (year == other)
            assert found.trace[-1].set_id == f"nl.agency.stock@{year}.1"
    later = filed("<stock/>", "Voorraad", datetime(2027, 6, 1, tzinfo=UTC))
    found = stock.validate(later, Stage.CONTENT)
    assert found.outcome is Outcome.UNDETERMINED
    assert "ended on 2026-12-31" in found.technical


def test_a_file_is_checked_at_both_stages(stock: Engine, tmp_path: Path) -> None:
    path = file(tmp_path, "<stock/>")
    checked = stock.check_file(path, berichtsoort="Voorraad", received=IN_2026, party=PARTY)
    assert checked.chosen == "nl.agency.stock@2026.1"
    assert checked.sets == ("nl.base@1", "nl.agency.stock@2026.1")
    assert checked.envelope.outcome is Outcome.VALID
    assert checked.content is checked.last
    assert (checked.outcome, [one.code for one in checked.findings]) == (
        Outcome.INVALID,
        ["STOCK-1"],
    )
    assert came(checked.envelope)["XML-ONLEESBAAR"] == "passed"
    file(tmp_path, "<stock><in2026/></stock>")
    checked = stock.check_file(path, berichtsoort="Voorraad", received=IN_2026, party=PARTY)
    assert (checked.outcome, checked.findings) == (Outcome.VALID, ())


def test_what_the_envelope_refuses_has_no_content(stock: Engine, tmp_path: Path) -> None:
    checked = stock.check_file(file(tmp_path, "<stock>"), berichtsoort="Voorraad", received=IN_2026)
    assert (checked.outcome, checked.content) == (Outcome.INVALID, None)
    assert checked.last is checked.envelope
    assert [one.code for one in checked.findings] == ["XML-ONLEESBAAR"]


def test_findings_of_both_stages_are_told() -> None:
    warning, error = Finding("W", "warning", "Let op."), Finding("E", "error", "Fout.")
    checked = Checked("", (), Report(Outcome.VALID, (warning,)), Report(Outcome.INVALID, (error,)))
    assert checked.findings == (warning, error)
    assert checked.outcome is Outcome.INVALID


def test_no_set_is_for_it(tmp_path: Path) -> None:
    write_set(tmp_path)
    engine = Engine(catalogue_of(load_sets([tmp_path], KINDS)))
    checked = engine.check_file(
        file(tmp_path, "<x/>"), berichtsoort="Iets anders", received=IN_2026
    )
    assert (checked.chosen, checked.sets, checked.content) == ("", (), None)
    assert checked.outcome is Outcome.UNDETERMINED
    assert "no rule set" in checked.envelope.technical


def test_an_engine_judges_as_its_functions_do(stock: Engine) -> None:
    filing = filed("<stock/>", "Voorraad")
    about = subject_of(filing)
    choice = choose(stock.catalogue, about)
    assert [each.name for each in choice.sets] == ["nl.base@1", "nl.agency.stock@2026.1"]
    found = judge(stock.catalogue, about, Stage.CONTENT)
    assert found.findings == stock.validate(filing, Stage.CONTENT).findings
    assert [one.code for one in found.findings] == ["STOCK-1"]


def test_received_is_now_unless_it_is_said(shipped: Engine, tmp_path: Path) -> None:
    path = file(tmp_path, INSTANCE.format(PARTY.number))
    assert shipped.check_file(path, berichtsoort="Iets", party=PARTY).outcome is Outcome.VALID
    with pytest.raises(ConfigurationError, match="time zone"):
        shipped.check_file(path, berichtsoort="Iets", received=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_mime_type_is_as_it_is_said(shipped: Engine, tmp_path: Path) -> None:
    path = file(tmp_path, "%PDF")
    for mime_type, outcome in (
        ("application/pdf", Outcome.VALID),
        ("text/xml", Outcome.INVALID),
    ):
        checked = shipped.check_file(path, berichtsoort="Iets", mime_type=mime_type, party=PARTY)
        assert checked.outcome is outcome


def test_a_file_that_cannot_be_read(shipped: Engine, tmp_path: Path) -> None:
    for path in (tmp_path / "absent.xml", tmp_path):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            shipped.check_file(path, berichtsoort="Iets")


def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    content = FileContent(file(tmp_path, "<x/>"), 4)
    assert content.read() == b"<x/>"
    with content.open() as source:
        assert (source.read(2), source.read()) == (b"<x", b"/>")


def test_directories_that_are_no_sets(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no rule set"):
        Engine.of((tmp_path,))


def test_threads_share_an_engine(shipped: Engine) -> None:
    outcomes: list[Outcome] = []
    good, bad = filed(INSTANCE.format(PARTY.number)), filed(INSTANCE.format("1"))

    def work() -> None:
        for filing in (good, bad) * 20:
            outcomes.append(shipped.validate(filing, Stage.ENVELOPE).outcome)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count(Outcome.VALID), outcomes.count(Outcome.INVALID)) == (80, 80)


def test_names_of_the_package() -> None:
    assert set(digipoort_wus.rules.__all__) <= set(dir(digipoort_wus.rules))
    for name in digipoort_wus.rules.__all__:
        assert getattr(digipoort_wus.rules, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Motor'"):
        digipoort_wus.rules.Motor  # noqa: B018


ALONE = """
import sys
import digipoort_wus.rules
assert "lxml" not in sys.modules, "looking at the package imports nothing"
from digipoort_wus.rules import Engine, Outcome
from digipoort_wus.filing.party import Party
from pathlib import Path

checked = Engine.shipped().check_file(
    Path(sys.argv[1]), berichtsoort="Iets", party=Party("001000044B37", "BTW")
)
assert checked.outcome is Outcome.VALID, checked
gateway = ("twisted", "spyne", "sqlalchemy", "xmlsec", "cryptography", "OpenSSL", "asn1crypto")
ours = ("server", "soap", "wss", "pki", "store", "process", "contract", "gateway", "config")
ours = tuple(f"digipoort_wus.{name}" for name in ours)
print([n for n in sys.modules if n.partition(".")[0] in gateway or n.startswith(ours)])
"""


def test_it_is_usable_alone(tmp_path: Path) -> None:
    path = file(tmp_path, INSTANCE.format(PARTY.number))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
