"""A gateway or an agency in a process of its own, for commands that need one."""

import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digipoort_wus.errors import DigipoortError

_READY_WITHIN = 60.0
_END_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class LocalGateway:
    """A gateway that can answer.

    Args:
        urls: of AanleverService, StatusinformatieService and OphaalService.
        pid: of its process.
    """

    urls: tuple[str, ...]
    pid: int


@dataclass(frozen=True, slots=True)
class LocalAgency:
    """An agency that can answer.

    Args:
        url: of its AfleverService.
        log: the file with what it says.
    """

    url: str
    log: Path


@contextmanager
def local_gateway(directory: Path, *options: str) -> Iterator[LocalGateway]:
    """Run ``digipoort-wus serve`` as it is on a free port, and stop it at the end.

    Args:
        directory: for its data, and its certificates unless options say otherwise.
        options: further ones of ``serve``.

    Raises:
        DigipoortError: it did not start.
    """
    command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(directory), *options], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield LocalGateway(ready_urls(process), process.pid)
        finally:
            _end(process)


@contextmanager
def local_agency(directory: Path, *options: str) -> Iterator[LocalAgency]:
    """Run ``digipoort-wus agency`` as it is on a free port, and stop it at the end.

    Args:
        directory: for its data; what it says stands in a file beside it.
        options: further ones of ``agency``.

    Raises:
        DigipoortError: it did not start.
    """
    log = directory.with_suffix(".log")
    command = [sys.executable, "-m", "digipoort_wus", "agency", "--port", "0"]
    with (
        log.open("w") as said,
        subprocess.Popen(
            [*command, "--data-dir", str(directory), *options],
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        try:
            urls = _ready(process)
            if not urls:
                raise DigipoortError(f"The agency did not start: {log.read_text().strip()}")
            yield LocalAgency(urls[0], log)
        finally:
            _end(process)


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ready_urls(process: "subprocess.Popen[str]") -> tuple[str, ...]:
    """Wait until a gateway says on stdout that it is ready; return its URLs.

    Raises:
        DigipoortError: it did not start.
    """
    urls = _ready(process)
    if not urls:
        raise DigipoortError(
            "The gateway did not start; its reason stands above. "
            "Try `digipoort-wus serve --port 0 --verbose`."
        )
    return urls


def _ready(process: "subprocess.Popen[str]") -> tuple[str, ...]:
    """Wait for the line that says ready, and return its URLs; none when another one came."""
    if process.stdout is not None and select.select([process.stdout], [], [], _READY_WITHIN)[0]:
        word, *urls = process.stdout.readline().split() or [""]
        if word == "ready":
            return tuple(urls)
    return ()


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_END_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
