"""Commands that follow a filing to its end: their options, and the waiting."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from digipoort_wus.cli.options import EndedBadly, note, printable, status_line

if TYPE_CHECKING:
    from digipoort_wus.client.digipoort import DigipoortClient
    from digipoort_wus.client.results import Status
    from digipoort_wus.errors import DigipoortError

_F = TypeVar("_F", bound=Callable[..., object])
_WAITING = (
    click.option("--wait", "waits", is_flag=True, help="Follow the filing to its end."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        default=300,
        show_default=True,
        help="Seconds for --wait.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print a JSON document."),
)


def waiting_options(command: _F) -> _F:
    """Add ``--wait``, its ``--timeout``, and ``--json``, to a command about one filing."""
    for option in reversed(_WAITING):
        command = option(command)
    return command


def follow(
    client: "DigipoortClient", kenmerk: str, timeout: float, say: Callable[[str], None]
) -> "tuple[tuple[Status, ...], DigipoortError | None]":
    """Wait for the end of a process.

    Args:
        client: asks for its statuses.
        kenmerk: the process.
        timeout: seconds.
        say: told each status as a line; :func:`note` on a terminal shows progress too.

    Returns:
        Its statuses, and the timeout if it had not ended and was not delivered.
    """
    from digipoort_wus.client.results import DELIVERED
    from digipoort_wus.client.waiting import WaitTimeout

    try:
        with _progress(say) as tell:
            return client.wait(kenmerk, timeout=timeout, on_status=tell), None
    except WaitTimeout as error:
        if any(status.code == DELIVERED for status in error.statuses):
            note("Delivered to the agency; its verdict had not come in time.")
            return error.statuses, None
        return error.statuses, error


def raise_bad_end(statuses: "Iterable[Status]") -> None:
    """End the command with status 3 when a process ended in failure."""
    from digipoort_wus.client.results import ending_of

    known = tuple(statuses)
    if ending_of(known) == "failure":
        last = [status for status in known if status.ending == "failure"][-1]
        raise EndedBadly(f"The filing ended in failure: {printable(last.code)}.")


@contextmanager
def _progress(say: Callable[[str], None]) -> "Iterator[Callable[[Status], None]]":
    if say is not note or not sys.stderr.isatty():
        yield lambda status: say(status_line(status))
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    with console.status("Waiting for the next status"):
        yield lambda status: console.print(status_line(status), markup=False, soft_wrap=True)
