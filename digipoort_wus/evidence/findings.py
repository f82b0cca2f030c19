"""What can be wrong with evidence: a table of problems, each with an id that is stable."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from digipoort_wus.errors import DigipoortError

MAY_DIFFER = timedelta(minutes=5)
"""So far two clocks may be apart: of two gateways, or of a gateway and an authority."""


class Problem(Enum):
    """The id of a problem, and what must hold."""

    ENTRY_FORM = ("EVIDENCE-ENTRY-FORM", "An entry is the canonical JSON of an entry.")
    ENTRY_PLACE = (
        "EVIDENCE-ENTRY-PLACE",
        "An entry says the same kenmerk, number, kind and time as the row that holds it.",
    )
    ENTRY_HASH = (
        "EVIDENCE-ENTRY-HASH",
        "The hash of an entry is over the hash before it and its own octets.",
    )
    ENTRY_MISSING = ("EVIDENCE-ENTRY-MISSING", "The entries of a kenmerk count from 1, all there.")
    ENTRY_TWICE = ("EVIDENCE-ENTRY-TWICE", "No number of a kenmerk occurs twice.")
    ENTRY_ORDER = ("EVIDENCE-ENTRY-ORDER", "The entries of a kenmerk stand in order.")
    ENTRY_TIME = ("EVIDENCE-ENTRY-TIME", "No entry is older than the one before it.")
    ENTRY_BATCH = (
        "EVIDENCE-ENTRY-BATCH",
        "Entries are sealed in order, in batches that are there.",
    )
    BATCH_MISSING = ("EVIDENCE-BATCH-MISSING", "The batches count from 1, all there.")
    BATCH_TWICE = ("EVIDENCE-BATCH-TWICE", "No number of a batch occurs twice.")
    BATCH_LINK = ("EVIDENCE-BATCH-LINK", "A batch names the hash of the batch before it.")
    BATCH_KNOWN = (
        "EVIDENCE-BATCH-KNOWN",
        "A batch has the hash that was noted elsewhere.",
    )
    BATCH_TIME = (
        "EVIDENCE-BATCH-TIME",
        "No batch is older than the one before it, or than its own entries, by five minutes.",
    )
    BATCH_LEAVES = (
        "EVIDENCE-BATCH-LEAVES",
        "Every leaf of a batch is an entry, and every place has one.",
    )
    BATCH_ROOT = ("EVIDENCE-BATCH-ROOT", "The root of a batch is that of its entries.")
    BATCH_SIGNER = (
        "EVIDENCE-BATCH-SIGNER",
        "A batch is signed with a certificate that is believed, and was valid then.",
    )
    BATCH_SIGNATURE = (
        "EVIDENCE-BATCH-SIGNATURE",
        "The signature of a batch is over its number, time, root and the batch before.",
    )
    STAMP_MISSING = (
        "EVIDENCE-STAMP-MISSING",
        "Where stamps are required, a batch has one before the alarm is due.",
    )
    STAMP = ("EVIDENCE-STAMP", "A stamp is a believed authority's, over this batch.")
    STAMP_TIME = (
        "EVIDENCE-STAMP-TIME",
        "A stamp says the time that was recorded, and none before the batch was sealed.",
    )
    KEPT_MISSING = (
        "EVIDENCE-KEPT-MISSING",
        "What is kept of a filing is there, or an entry says that it was purged.",
    )
    KEPT_UNTOLD = (
        "EVIDENCE-KEPT-UNTOLD",
        "Every filing and return message that is kept has an entry of its receipt.",
    )
    KEPT_CHANGED = ("EVIDENCE-KEPT-CHANGED", "What is kept of a filing is what its entries say.")
    PURGE_UNDONE = (
        "EVIDENCE-PURGE-UNDONE",
        "The secret of a filing that was purged is destroyed.",
    )
    PURGE_HELD = ("EVIDENCE-PURGE-HELD", "Nothing is purged while it is held.")

    def __init__(self, problem_id: str, rule: str) -> None:
        self.id = problem_id
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where exactly.

    Args:
        problem: what.
        kenmerk: whose chain; None when it is about a batch.
        seq: number of the entry in the chain.
        batch: number of the batch.
        detail: technical; never personal data.
    """

    problem: Problem
    kenmerk: str | None = None
    seq: int | None = None
    batch: int | None = None
    detail: str = ""

    def sentence(self) -> str:
        """Return one line for the operator."""
        named = (("kenmerk", self.kenmerk), ("entry", self.seq), ("batch", self.batch))
        where = ", ".join(f"{name} {value}" for name, value in named if value is not None)
        detail = f"; {self.detail}" if self.detail else ""
        return f"[{self.problem.id}] {where}: {self.problem.rule.removesuffix('.')}{detail}."


class Disproved(DigipoortError):
    """A signature or stamp of evidence does not show what it should.

    Args:
        problem: which rule does not hold.
        detail: technical; never personal data.
    """

    def __init__(self, problem: Problem, detail: str = "") -> None:
        self.problem = problem
        self.detail = detail
        super().__init__(Finding(problem, detail=detail).sentence())
