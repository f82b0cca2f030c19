"""``evidence stamp`` beside a running gateway, which stamps some at each order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner, Result

from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.server import control
from digipoort_wus.server.control import Control
from tests.unit.process.sandbox import opened
from tests.wire.conftest import with_pki


@contextmanager
def gateway(directory: Path, stamp: Callable[[], str]) -> Iterator[None]:
    """Have a gateway's socket, which carries out this order."""
    with opened(directory) as made:
        served = Control(directory, made.store, made.clock, lambda: None, orders={"stamp": stamp})
        served.start()
        try:
            yield
        finally:
            served.stop()


def stamped(directory: Path) -> Result:
    words = ["evidence", "stamp", "--data-dir", str(directory)]
    return CliRunner().invoke(digipoort_wus_command, words)


def test_orders_follow_each_other_until_nothing_is_left(tmp_path: Path) -> None:
    directory, answers = with_pki(tmp_path / "data"), ["2 3", "1 2", "2 0"]
    with gateway(directory, lambda: answers.pop(0)):
        result = stamped(directory)
    assert (result.exit_code, result.stdout) == (0, "5 batches were stamped.\n")
    assert result.stderr.splitlines() == ["stamped: 40%", "stamped: 60%", "stamped: 100%"]


def test_a_gateway_that_ends_between_two_orders_is_no_success(tmp_path: Path) -> None:
    directory, orders = with_pki(tmp_path / "data"), list[str]()

    def once() -> str:
        # As at the end of a gateway: there is nothing to connect to after this answer.
        (directory / control.NAME).unlink()
        orders.append("stamp")
        return "2 3"

    with gateway(directory, once):
        result = stamped(directory)
    assert (result.exit_code, result.stdout, orders) == (1, "", ["stamp"])
    assert result.stderr.splitlines() == [
        "stamped: 40%",
        "Error: The gateway ended before all was stamped: try again.",
    ]
