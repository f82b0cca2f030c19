"""What is left of a validation whose worker was lost."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digipoort_wus.cli.traces import trace_lines, trace_of
from digipoort_wus.process.validations import row_of
from digipoort_wus.rules import lost
from digipoort_wus.rules.api import Came, Outcome, Stage
from digipoort_wus.rules.catalogue import Catalogue, catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED, Engine
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.report import to_text
from digipoort_wus.rules.subject import Enclosure, Envelope
from digipoort_wus.rules.workers import Workers
from digipoort_wus.store.ports import FilingId
from tests.unit.rules.working import SECONDS, filing, validated

AT = datetime(2026, 6, 1, tzinfo=UTC)


def about(berichtsoort: str, received: datetime = AT) -> Envelope:
    return Envelope(berichtsoort, received, Enclosure("a.xml", "text/xml", 4))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return catalogue_of(load_sets((SHIPPED,), installed_kinds()))


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("berichtsoort", ["Omzetbelasting", "ICP", "Anything", "Aangifte_LH"])
def test_the_sets_are_those_that_would_have_judged(
    catalogue: Catalogue, berichtsoort: str, stage: Stage
) -> None:
    known = lost.known_of(json.loads(json.dumps(lost.values_of(catalogue))))
    found = lost.trace_of(known, catalogue.digest, about(berichtsoort), stage, "why", 7)
    stacks = [catalogue.stacks[each.name] for each in catalogue.in_force(berichtsoort, AT.date())]
    layers = [layer for stack in stacks for layer in stack.plan.layers if layer.stage is stage]
    expected = list(dict.fromkeys((layer.set_id, layer.digest[:12]) for layer in layers))
    catalogued = (f"catalogue@{catalogue.digest[:12]}", catalogue.digest[:12])
    assert [(ran.set_id, ran.digest) for ran in found] == (expected or [catalogued])
    assert [ran.microseconds for ran in found] == [7] + [0] * (len(found) - 1)
    assert {(ran.rule, ran.layer, ran.came, ran.why) for ran in found} == {
        ("*", "*", Came.TECHNICAL, "why")
    }


def test_without_a_set_that_is_valid_the_catalogue_stands_for_all(catalogue: Catalogue) -> None:
    known = lost.known_of(lost.values_of(catalogue))
    early = about("Omzetbelasting", AT.replace(year=1999))
    (ran,) = lost.trace_of(known, catalogue.digest, early, Stage.CONTENT, "why", 7)
    assert (ran.set_id, ran.came) == (f"catalogue@{catalogue.digest[:12]}", Came.TECHNICAL)


@pytest.mark.parametrize("wrong", [7, {}, {"for": ["A"], "from": "soon"}])
def test_what_is_no_set_is_refused(catalogue: Catalogue, wrong: object) -> None:
    with pytest.raises(ValueError, match="no set"):
        lost.known_of([*lost.values_of(catalogue), wrong])


@pytest.mark.parametrize(
    ("cost", "does", "why", "seconds"),
    [
        ("cheap", "kill", "the worker has ended (SIGKILL)", 0.0),
        ("cheap", "sleep", f"it took longer than {SECONDS:g} s", SECONDS),
        ("forked", "leave", "its process ended by itself", 0.0),
        ("forked", "sleep", f"it took longer than {SECONDS:g} s", SECONDS),
    ],
)
def test_a_lost_worker_leaves_a_trace(
    shared: Workers, sets: Path, cost: str, does: str, why: str, seconds: float
) -> None:
    found = validated(shared, cost, does)
    assert (found.outcome, found.technical) == (Outcome.UNDETERMINED, why)
    (ran,) = found.trace
    would = Engine.of((SHIPPED, sets)).validate(filing(cost), Stage.CONTENT).trace
    assert {(ran.set_id, ran.digest)} == {(each.set_id, each.digest) for each in would}
    traced = f"asked a worker for {cost} rules: {why}"
    assert (ran.came, ran.why) == (Came.TECHNICAL, traced)
    assert seconds * 1_000_000 <= ran.microseconds < (seconds + 20) * 1_000_000
    # As `rules check --trace` and `filings show --trace` print it.
    line = to_text(replace(found, trace=(replace(ran, microseconds=5),)), trace=True).splitlines()
    row = row_of(FilingId(1), Stage.CONTENT, 1, AT, found)
    for text in (line[-1], list(trace_lines([trace_of(row)]))[-1]):
        assert text.startswith("  technical *  ")
        assert text.endswith(f" us  {ran.set_id} {ran.digest} *  ({traced})")
