"""The list of requirements: complete, and every name in it is the name of something."""

import ast
import re
from pathlib import Path

import pytest

from digipoort_wus import checks
from digipoort_wus.client import checks as client_checks
from digipoort_wus.conformance.cases import cases_directory, load_cases
from digipoort_wus.conformance.requirements import LEVELS, Requirement, load_requirements
from digipoort_wus.errors import Check

TREE = Path(__file__).parents[3]
REQUIREMENTS = load_requirements()
CASES = load_cases(cases_directory())
CHECK_IDS = {check.id for check in checks.CATALOGUE} | {
    value.id for value in vars(client_checks).values() if isinstance(value, Check)
}
# WS004 does not exist; the parts of WA001 have rows of their own.
OFFICIAL = {
    *(f"WW{number:03d}" for number in range(1, 5)),
    *(f"WS{number:03d}" for number in (1, 2, 3, 5, 6, 7, 8)),
    *(f"WT{number:03d}" for number in range(1, 9)),
    *(f"WB{number:03d}" for number in range(1, 15)),
    *(f"SIGN{number:03d}" for number in range(1, 5)),
    *(f"ENC{number:03d}" for number in range(1, 5)),
    *(f"TLS{number:03d}" for number in range(1, 7)),
    *(f"PKI{number:03d}" for number in range(1, 6)),
    "TLSCIPH001",
    "WM001",
}
# Of the tables without official ids: by section, the subjects.
SUBJECTS = {
    "1.1": "2W-be; 2W-be-S",
    "1.2": "action pattern; own header blocks",
    "WA001": "To; Action; MessageID; RelatesTo; ReplyTo; From; FaultTo; other headers; "
    "EPR content; answers; fault Action",
    "2.2": "OIN in To; OIN in From; identity; subOIN; other parameters; "
    "address of an intermediary; routing",
    "2.3": "MessageID form; repeats",
    "3.1": "Security header",
    "3.2": "SHA-224; PSS; HMAC, DSA; ECDSA; encryption algorithms",
    "3.3": "parts of an answer; faults; token; attachments; encryption",
    "3.5": "duplicate Ids; one Security header; decryption; order; coverage; freshness; "
    "signer and channel; authorisation; requester",
    "4.2": "versions; suites; groups; certificate keys; hashes; compression; renegotiation; "
    "0-RTT; OCSP stapling; extended master secret; cipher preference; RSA padding",
    "4.3": "settings",
    "4.4": "Python's ssl",
    "4.5": "alerts",
    "4.6": "SNI; resumption; HTTP/2",
    "gbachtcert": "ch06; ch07 test systems; ch07 fn18; ch07 offloading",
    "5.2": "OIN form; deviating forms; HRN; subject naming; COR API",
    "5.3": "G1 profile; end of G1",
    "5.4": "G4 system profile",
    "5.5": "G4 LP profiles",
    "5.6": "path; purpose; policy; signature algorithms; names; revocation; OCSP; refresh; time",
    "5.7": "fixtures; test hierarchies",
}
OTHERS = {
    "2W-be-SE",
    "SOAP hygiene",
    "Gehanteerde standaarden",
    "Foutafhandeling",
    "WSA cardinality",
    "idauth ch04",
    "Architectuur table 6.2",
    "beveilig 3.3.2",
    "Grote Berichten",
}


def named(requirement: Requirement) -> str:
    return requirement.id


def names_in(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_official_requirement_has_one_row() -> None:
    ids = [requirement.id for requirement in REQUIREMENTS]
    assert len(ids) == len(set(ids))
    assert set(ids) >= OFFICIAL
    subjects = {
        f"{section} {name}" for section, names in SUBJECTS.items() for name in names.split("; ")
    }
    assert (subjects | OTHERS) - set(ids) == set()


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=named)
def test_a_row_is_held_by_something_or_says_why_not(requirement: Requirement) -> None:
    holders = [c.id for c in CASES if not requirement.names.isdisjoint(c.requirements)]
    assert bool(requirement.not_applicable) != bool(requirement.tests or holders)
    assert requirement.level in LEVELS
    assert requirement.says.endswith(".")
    assert set(requirement.checks) <= CHECK_IDS


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=named)
def test_the_tests_that_a_row_names_exist(requirement: Requirement) -> None:
    for test in requirement.tests:
        file, _, name = test.partition("::")
        assert name in names_in(TREE / file), test


def test_cases_name_requirements_that_exist() -> None:
    ids = {name for requirement in REQUIREMENTS for name in requirement.names}
    unknown = {name for case in CASES for name in case.requirements} - ids
    assert unknown == set()


def test_every_check_has_a_requirement_or_is_ours() -> None:
    """What a clause of Digikoppeling is said to demand stands in a row that names the check."""
    enforced = {check for requirement in REQUIREMENTS for check in requirement.checks}
    pattern = re.compile(r"\b(?:W[WSTBAM]|SIGN|PKI|TLS)\d{3}\b")
    missing = [c.id for c in checks.CATALOGUE if pattern.search(c.clause) and c.id not in enforced]
    assert missing == []
