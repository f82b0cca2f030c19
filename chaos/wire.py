"""Lines of JSON over a Unix socket: how the processes of a run talk where TLS is not the point."""

import ctypes
import json
import signal
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

Message = dict[str, Any]
Reply = Callable[[Message | None], None]
"""Sends an answer; None closes the connection without one. May be called from any thread."""
_PR_SET_PDEATHSIG = 1


class Lost(Exception):
    """There was no answer; nobody knows what became of the question."""


class Line:
    """A connection that asks one thing at a time, made anew after it broke."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._socket: socket.socket | None = None

    def ask(self, message: Message) -> Message:
        """Send a message and return the answer.

        Raises:
            Lost: there is none.
        """
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.settimeout(self._seconds)
                self._socket.connect(str(self._path))
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            answer = self._line(self._socket)
        except OSError as error:
            self.close()
            raise Lost(type(error).__name__) from error
        if not answer:
            self.close()
            raise Lost("closed")
        return answer

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _line(self, connection: socket.socket) -> Message:
        octets = bytearray()
        while not octets.endswith(b"\n"):
            piece = connection.recv(65_536)
            if not piece:
                return {}
            octets += piece
        return dict(json.loads(octets))


class Server(socketserver.ThreadingUnixStreamServer):
    """Answers lines; each connection has a thread, each question may be answered by another."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path, handle: Callable[[Message, Reply], None]) -> None:
        path.unlink(missing_ok=True)
        self.handle = handle
        super().__init__(str(path), _Handler)

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever asked is told by the end of the connection."""
        del request, client_address


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        for line in self.rfile:
            answered = threading.Event()
            kept: list[bool] = []

            def reply(
                message: Message | None,
                answered: threading.Event = answered,
                kept: list[bool] = kept,
            ) -> None:
                if message is not None:
                    with suppress(OSError):
                        self.wfile.write(json.dumps(message).encode() + b"\n")
                        kept.append(True)
                answered.set()

            self.server.handle(dict(json.loads(line)), reply)
            answered.wait()
            if not kept:
                return


def end_with_parent() -> None:
    """Let the system end this process when the one that started it ends, however that ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
