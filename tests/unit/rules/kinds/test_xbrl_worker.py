"""A set with a taxonomy, judged by the workers of a gateway: real processes, shut in."""

import hashlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Came, EngineOptions, HostedEngine, Outcome, Report, Stage
from digipoort_wus.rules.workers import make
from tests.unit.rules.kinds.xbrl_running import need_arelle
from tests.unit.rules.kinds.xbrl_taxonomy import (
    ENTRY,
    SECOND,
    amount,
    context,
    good,
    instance,
    unit,
    write_package,
)
from tests.unit.rules.told import assert_told

pytestmark = pytest.mark.thorough
SET = """\
id = "test.xbrl"
version = "1"
title.nl = "Proef"
title.en = "Test"
berichtsoorten = ["Proef"]
valid_from = 2026-01-01
[artefacts."taxonomy.zip"]
sha256 = "{sha256}"
[[layer]]
id = "taxonomy"
[[layer.rule]]
code = "X"
use = "xbrl"
options.packages = ["taxonomy.zip"]
options.entry_points = ["{first}", "{second}"]
options.formula_seconds = 1
"""


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostedEngine]:
    need_arelle()
    sets = tmp_path_factory.mktemp("sets")
    package = write_package(sets / "taxonomy.zip")
    sha256 = hashlib.sha256(package.read_bytes()).hexdigest()
    (sets / "set.toml").write_text(SET.format(sha256=sha256, first=ENTRY, second=SECOND))
    engine = make(EngineOptions(directories=(sets,), workers=1))
    yield engine
    engine.close()


def validated(workers: HostedEngine, octets: bytes) -> Report:
    document = Document("text/xml", "a.xbrl", octets)
    delivery = Delivery("Proef", Party("001000044B37", "BTW"), "Belastingplichtige", document)
    filing = Filing("k", "b", "0" * 20, datetime(2026, 6, 1, tzinfo=UTC), delivery)
    return workers.validate(filing, Stage.CONTENT)


def test_good_and_bad_in_turn(workers: HostedEngine) -> None:
    for _ in range(3):
        found = validated(workers, good())
        assert (found.outcome, found.findings, found.technical) == (Outcome.VALID, (), "")
        found = validated(workers, good(61))
        assert found.outcome is Outcome.INVALID
        assert [each.code for each in found.findings] == ["X-CONTROLE"]


@pytest.mark.parametrize("ref", ["file:///etc/hostname", "hostname", "http://127.0.0.1:{port}/x"])
def test_references_to_a_file_and_to_a_server(workers: HostedEngine, ref: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        found = validated(workers, good(ref=ref.format(port=server.getsockname()[1])))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert [each.code for each in found.findings] == ["X-REF"]
    assert_told(found)


def test_a_formula_that_does_not_end(workers: HostedEngine) -> None:
    facts = [amount("Costs", number) for number in range(200)]
    found = validated(workers, instance(context(), unit(), *facts, ref=SECOND))
    assert (found.outcome, found.findings) == (Outcome.UNDETERMINED, ())
    assert "formula:" in found.technical
    assert [one.came for one in found.trace] == [Came.TECHNICAL]
    assert_told(found)
    assert workers.figures()["forked_lost"] == 0
    assert validated(workers, good()).outcome is Outcome.VALID


def test_each_is_judged_in_a_process_of_its_own(workers: HostedEngine) -> None:
    before = workers.figures()["forked_judged"]
    validated(workers, good(ref=SECOND))
    assert workers.figures()["forked_judged"] == before + 1
    assert workers.figures()["forked_lost"] == 0
