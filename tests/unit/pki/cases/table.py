"""What a row of the table of chains holds, and how rows are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from digipoort_wus.errors import Check
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.pki.testplan import Generation
from tests.unit.pki.scenarios import Question

Build = Callable[[TestPki], Question]
BOTH: tuple[Generation, ...] = ("g1", "g4")


@dataclass(frozen=True)
class Case:
    """A chain, our verdict, and why an oracle's differs.

    Args:
        expected: the check that refuses it; None when it passes.
        openssl: why openssl's verdict is the opposite; empty when it is the same.
        pyhanko: the same of pyhanko-certvalidator.
        row: the fixture of facts 5.7 that it is.
    """

    name: str
    generation: Generation
    expected: Check | None
    build: Build
    openssl: str = ""
    pyhanko: str = ""
    row: str = ""

    @property
    def id(self) -> str:
        return f"{self.generation} {self.name}"


class Table:
    """Collects the cases of one file."""

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def add(
        self,
        name: str,
        expected: Check | None,
        build: Build,
        *,
        openssl: str = "",
        pyhanko: str = "",
        row: str = "",
        generations: Sequence[Generation] = BOTH,
    ) -> None:
        """Add a case for each generation."""
        self.cases += [
            Case(name, generation, expected, build, openssl, pyhanko, row)
            for generation in generations
        ]

    def case(
        self,
        name: str,
        expected: Check | None,
        *,
        openssl: str = "",
        pyhanko: str = "",
        row: str = "",
        generations: Sequence[Generation] = BOTH,
    ) -> Callable[[Build], Build]:
        """Add the decorated function."""

        def register(build: Build) -> Build:
            self.add(
                name,
                expected,
                build,
                openssl=openssl,
                pyhanko=pyhanko,
                row=row,
                generations=generations,
            )
            return build

        return register
