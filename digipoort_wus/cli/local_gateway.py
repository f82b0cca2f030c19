"""A gateway in a process of its own, for commands that need one: started, ready, stopped."""

import select
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
            process.terminate()
            try:
                process.wait(_END_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


def ready_urls(process: "subprocess.Popen[str]") -> tuple[str, ...]:
    """Wait until a gateway says on stdout that it is ready; return its URLs.

    Raises:
        DigipoortError: it did not start.
    """
    if process.stdout is not None and select.select([process.stdout], [], [], _READY_WITHIN)[0]:
        word, *urls = process.stdout.readline().split() or [""]
        if word == "ready":
            return tuple(urls)
    raise DigipoortError(
        "The gateway did not start; its reason stands above. "
        "Try `digipoort-wus serve --port 0 --verbose`."
    )
