"""A handshake in memory: our server's TLS context against a client of Python's ssl."""

import ssl
from pathlib import Path

from OpenSSL import SSL

_STEP = 65_536


def handshake(
    server: SSL.Context, client: ssl.SSLContext, *, host: str = "localhost"
) -> SSL.Connection:
    """Run a handshake and one octet from client to server.

    Raises:
        SSL.Error: the server refused.
        ssl.SSLError: the client did.
    """
    far = SSL.Connection(server, None)
    far.set_accept_state()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(incoming, outgoing, server_hostname=host)
    sent = False
    for _ in range(8):
        try:
            if not sent:
                near.do_handshake()
                near.write(b"!")
                sent = True
        except ssl.SSLWantReadError:
            pass
        octets = outgoing.read()
        if octets:
            far.bio_write(octets)
        try:
            far.do_handshake()
            if far.recv(1) == b"!":
                return far
        except SSL.WantReadError:
            pass
        try:
            incoming.write(far.bio_read(_STEP))
        except SSL.WantReadError:
            continue
    raise AssertionError("the handshake does not end")


def client_of(directory: Path, name: str, ca: Path, *, weak: bool = False) -> ssl.SSLContext:
    """Return a client that presents a certificate, even one that OpenSSL thinks too weak."""
    context = ssl.create_default_context(cafile=str(ca))
    if weak:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    return context
