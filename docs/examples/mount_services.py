"""A Twisted program of one's own that mounts the Digipoort services beside its own page.

Usage: python mount_services.py DATA_DIR PORT

The site here is plain HTTP on loopback, as behind a proxy that ends TLS and is
trusted; requests are still verified by their signatures. `Gateway.listen()` instead
of a site of one's own gives mutual TLS.
"""

import sys
from pathlib import Path

from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from digipoort_wus import Config, Gateway
from digipoort_wus.server.reactor import global_reactor


class Hello(Resource):
    """The program's own page."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:  # noqa: N802 - Twisted's interface
        """Say hello."""
        return b"hello\n"


_SERVED = (b"wus", b"cpl", b"digipoort-wus")


class Root(Resource):
    """Sends the paths of the services to the gateway, and everything else to the program."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._services, self._hello = gateway.resource, Hello()

    def getChild(self, path: bytes, request: Request) -> Resource:  # noqa: N802
        """Return who answers below a path."""
        return self._services if path in _SERVED else self._hello


def main() -> None:
    """Run until Ctrl-C or SIGTERM."""
    reactor = global_reactor()  # twisted.internet.reactor, with types
    gateway = Gateway(Config(data_dir=Path(sys.argv[1])), reactor=reactor)
    gateway.start()
    port = reactor.listenTCP(int(sys.argv[2]), Site(Root(gateway)), interface="127.0.0.1")
    reactor.addSystemEventTrigger("before", "shutdown", gateway.stop)
    print(f"ready http://127.0.0.1:{port.getHost().port}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
