"""Chains that shall pass or be refused: each a function from a hierarchy to a question."""

from tests.unit.pki.cases import identity, path, purpose, revocation
from tests.unit.pki.cases.table import Case

CASES: tuple[Case, ...] = (*path.CASES, *revocation.CASES, *purpose.CASES, *identity.CASES)
