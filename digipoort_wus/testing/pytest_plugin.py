"""The pytest plug-in: the fixture ``digipoort``, there as soon as the package is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from digipoort_wus.testing.sandbox import SandboxGateway


@pytest.fixture
def digipoort() -> "Iterator[SandboxGateway]":
    """A running Digipoort gateway of this test's own: url, directory, client(), clock, received."""
    # pytest loads this module in every run of everybody who has the package: imports wait.
    from digipoort_wus.testing.sandbox import sandbox_gateway

    with sandbox_gateway() as gateway:
        yield gateway
