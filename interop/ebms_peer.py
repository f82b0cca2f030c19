"""The peer of ebms-saaj as a process: started, told what to do by lines, and ended."""

import queue
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlencode

from stacks import HERE, environment

SECONDS = 30
"""Java starts, and obeys, within so many."""


class PeerError(Exception):
    """The peer did not do what it was told."""


@dataclass(frozen=True)
class Arrived:
    """A message that a side took, once for all its copies.

    Args:
        message_id: as it was sent.
        action: of its service.
        sender: the OIN.
        copies: how often it came.
        digests: SHA-256 of each payload, decoded and decrypted, in hexadecimal.
    """

    message_id: str
    action: str
    sender: str
    copies: int
    digests: tuple[str, ...]


class Peer:
    """A running peer.

    Args:
        pki: a directory of ``digipoort-wus pki init``.
        identity: whose certificate it shows and signs with.
        oin: which party it is.
        style: how it packs: core, saaj or base64.
        trace: a directory for what passes, if that is wanted.
        c14n: how it canonicalizes; as Java's default where empty.
        key_transport: how it wraps keys; OAEP where empty.
    """

    def __init__(
        self,
        pki: Path,
        identity: str,
        oin: str,
        *,
        style: str = "core",
        trace: Path | None = None,
        c14n: str = "",
        key_transport: str = "",
    ) -> None:
        self.identity = identity
        self.oin = oin
        self.port = 0
        self._command = [
            str(HERE / "ebms-saaj" / "run"),
            f"pki={pki}",
            f"tls={identity}",
            f"signing={identity}",
            f"party=urn:osb:oin:{oin}",
            f"style={style}",
            *([f"trace={trace}"] if trace else []),
            *([f"c14n={c14n}"] if c14n else []),
            *([f"key-transport={key_transport}"] if key_transport else []),
        ]
        self._lines: queue.Queue[str] = queue.Queue()

    @property
    def url(self) -> str:
        """Return where it takes messages."""
        return f"https://localhost:{self.port}/ebms"

    def __enter__(self) -> Self:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            self._command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.port = int(self._answer("ready")["port"][0])
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)
        self._reader.join(SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        stream = self._process.stdout
        for line in stream or ():
            self._lines.put(line.rstrip("\n"))
        self._lines.put("ended")

    def tell(self, command: str, **told: str | Sequence[str]) -> dict[str, list[str]]:
        """Tell it something, and return what it says.

        Raises:
            PeerError: it could not, or said nothing.
        """
        stream = self._process.stdin
        if stream is None:
            raise PeerError("not started")
        stream.write(f"{command}?{urlencode(told, doseq=True)}\n" if told else f"{command}\n")
        stream.flush()
        return self._answer("ok")

    def _answer(self, wanted: str) -> dict[str, list[str]]:
        try:
            line = self._lines.get(timeout=SECONDS)
        except queue.Empty:
            raise PeerError(f"no answer in {SECONDS} s") from None
        name, _, query = line.partition("?")
        values = parse_qs(query, keep_blank_values=True)
        if name != wanted:
            raise PeerError(values.get("why", [line])[0])
        return values

    # --- What a side of a scenario can do ---------------------------------------------

    @property
    def posts_again(self) -> bool:
        """Return whether it posts a signal once more by itself when that fails."""
        return False

    def agree(self, cpa: Path) -> None:
        """Take a CPA."""
        self.tell("cpa", file=str(cpa))

    def send(self, cpa_id: str, service: str, action: str, payloads: Sequence[Path]) -> str:
        """Send a message, and return its id; XML and other files are told by their names."""
        parts = [
            f"{path}|{'application/xml' if path.suffix == '.xml' else 'application/octet-stream'}"
            for path in payloads
        ]
        said = self.tell("send", cpa=cpa_id, service=service, action=action, payload=parts)
        return said["id"][0]

    def state(self, message_id: str) -> str:
        """Return SENDING, DELIVERED, FAILED or EXPIRED."""
        return self.tell("status", id=message_id)["state"][0]

    def why(self, message_id: str) -> str:
        """Return what was last heard of a message that was sent, for a person to read."""
        said = self.tell("status", id=message_id)
        return f"{said['attempts'][0]} attempts, {said['why'][0]}"

    def arrived(self) -> list[Arrived]:
        """Return what it took."""
        found = []
        for message in self.tell("received").get("message", []):
            message_id, _, action, sender, _, copies, *digests = message.split("|")
            oin = sender.rpartition(":")[2]
            found.append(Arrived(message_id, action, oin, int(copies), tuple(digests)))
        return found

    def ping(self, cpa_id: str) -> str:
        """Send a Ping, and return its id."""
        return self.tell("ping", cpa=cpa_id)["id"][0]

    def ask(self, cpa_id: str, message_id: str) -> str:
        """Send a StatusRequest, and return its id."""
        return self.tell("ask", cpa=cpa_id, about=message_id, id=message_id)["id"][0]

    def asks_about(self, message_id: str) -> bool:
        """Return whether it can ask about a message: about any."""
        del message_id
        return True

    def reply(self, message_id: str) -> str:
        """Return what came back to a Ping or a StatusRequest; empty as long as nothing did."""
        return self.tell("reply", id=message_id).get("reply", [""])[0]

    def repeat(self, message_id: str) -> None:
        """Send the octets of a message once more."""
        self.tell("repeat", id=message_id)

    def fault(self, name: str, times: int = 1) -> None:
        """Let something go wrong that its README names, so many times."""
        self.tell("fault", name=name, times=str(times))
