"""What systemd is told of a service with ``Type=notify``; nothing without systemd."""

import os
import socket
from contextlib import suppress

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"
_MICROSECONDS = 1_000_000


def notify(state: str) -> None:
    """Send a state to the socket that systemd named; whether anybody reads it is not known."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
        # A reader that has stopped reading must not stop the gateway.
        sender.setblocking(False)
        sender.sendto(state.encode(), address)


def watchdog_seconds() -> float | None:
    """Return how often systemd wants to hear from this process, None when it does not."""
    given, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not given.isdecimal() or int(given) == 0 or pid not in (None, str(os.getpid())):
        return None
    return int(given) / _MICROSECONDS
