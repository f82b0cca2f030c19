"""The table: every case of the shipped sets, with its outcome, its trace and its statuses.

What breaks a rule or its worker is in the tests of the workers and of the kinds, which hold it to
the same (:mod:`tests.unit.rules.told`).
"""

import pytest

from digipoort_wus.rules.api import Came, Outcome, Report, Stage
from digipoort_wus.rules.case_files import load_case_files
from digipoort_wus.rules.cases import Case, Expected
from digipoort_wus.rules.catalogue import Catalogue, catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.head import head_of
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.model import Plan
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import TREE_MAX, Subject
from tests.conftest import need
from tests.unit.rules.told import assert_told, assert_traced

NO_TREE = f"the document has more octets than the {TREE_MAX} of a tree"
BY_OPERATOR = "LH-XSD: "
"""Begins the name of the case that needs a schema which the operator adds."""
ROWS = [
    pytest.param(file.set_name, case, id=f"{file.set_name} {case.name}")
    for file in load_case_files(SHIPPED)
    for case in file.cases
    if not case.name.startswith(BY_OPERATOR)
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return catalogue_of(load_sets([SHIPPED], installed_kinds()))


def test_the_table_is_long_and_has_each_end() -> None:
    cases = [row.values[1] for row in ROWS]
    assert len(cases) >= 200
    ends = [case.outcome for case in cases if isinstance(case, Case)]
    assert min(ends.count(Outcome.VALID), ends.count(Outcome.INVALID)) >= 40
    assert Outcome.UNDETERMINED in ends


@pytest.mark.parametrize(("name", "case"), ROWS)
def test_case(catalogue: Catalogue, name: str, case: Case) -> None:
    plan = plan_of(catalogue, name, case)
    reports: list[Report] = []
    for stage in Stage:
        report = run(plan, Subject(case.envelope, case.octets), stage)
        assert_traced(report, plan, stage)
        reports.append(report)
        if report.outcome is not Outcome.VALID:
            break
    found = {one.code for report in reports for one in report.findings}
    assert reports[-1].outcome is case.outcome
    assert found == case.codes if case.expected is Expected.EXACTLY else found >= case.codes
    broken = {one.why for report in reports for one in report.trace if one.came is Came.TECHNICAL}
    assert broken == ({NO_TREE} if len(case.octets) > TREE_MAX else set())
    assert_told(reports[-1], before=reports[0] if len(reports) > 1 else None)


def plan_of(catalogue: Catalogue, name: str, case: Case) -> Plan:
    """Return what judges a case; for a set that others require, its own stack."""
    stack = catalogue.stacks[name]
    for why in (one.why for each in stack.sets for one in each.unready if not one.left_out):
        need("an extra", found="is not installed" not in why, install=why)
    if not next(each for each in catalogue.sets if each.name == name).berichtsoorten:
        return stack.plan
    about = case.envelope
    return catalogue.choose(about.berichtsoort, about.received, lambda: head_of(case.octets)).plan
