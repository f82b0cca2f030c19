"""Clients that send a part of a large body, and then wait: what the gateway holds for them.

Each comes from an address of its own out of a few, sends in small pieces in turn with all
others, and stops when it has sent its part, or when the gateway answers. It says ``sent``
with how many were answered, keeps the connections until a line comes on stdin, and ends.

Usage: python -m bench.half PORT PATH PKI_DIR CLIENTS OCTETS ADDRESSES
"""

import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path

_PIECE = b"x" * 262_144


def main() -> None:
    """Send, and wait."""
    port, path, pki, clients, octets, addresses = sys.argv[1:7]
    folder = Path(pki)
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "vendor-a.pem", folder / "vendor-a.key")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
        "Content-Length: 44000000\r\n\r\n"
    ).encode()
    connections = []
    for number in range(int(clients)):
        raw = socket.create_connection(
            ("127.0.0.1", int(port)), 10, (f"127.0.0.{2 + number % int(addresses)}", 0)
        )
        connection = context.wrap_socket(raw, server_hostname="localhost")
        connection.sendall(head)
        connections.append(connection)
    answered, sending = 0, list(connections)
    for _ in range(int(octets) // len(_PIECE)):
        for connection in list(sending):
            if _is_answered(connection):
                answered += 1
                sending.remove(connection)
            else:
                with suppress(OSError):  # answered meanwhile: seen in the next turn
                    connection.sendall(_PIECE)
    print("sent", answered, len(sending), flush=True)
    sys.stdin.readline()


def _is_answered(connection: ssl.SSLSocket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(4_096) is not None
    except (ssl.SSLWantReadError, BlockingIOError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(10)


if __name__ == "__main__":
    main()
