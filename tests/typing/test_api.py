"""The public names: all there, none more, and none paid for before it is used."""

import subprocess
import sys

import digipoort_wus
from tests.typing.api import PUBLIC


def test_the_public_names() -> None:
    assert digipoort_wus.__all__ == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(digipoort_wus, name) is not None
    assert set(PUBLIC) <= set(dir(digipoort_wus))


def test_every_public_name_is_documented() -> None:
    for name in PUBLIC:
        value = getattr(digipoort_wus, name)
        if callable(value):
            assert (value.__doc__ or "").strip(), name


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(digipoort_wus, "nothing_of_the_kind")


def test_importing_costs_nothing_and_does_nothing() -> None:
    code = (
        "import sys, threading, digipoort_wus, digipoort_wus.testing;"
        "heavy = {'twisted', 'spyne', 'zeep', 'lxml', 'cryptography', 'click'} & set(sys.modules);"
        "assert not heavy, heavy; assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
