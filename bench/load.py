"""A raw load generator: prepared requests over keep-alive mutual TLS, from a process of its own.

zeep needs several milliseconds of CPU for a call, so it would measure itself.
Every request is signed beforehand and has a MessageID of its own; the answers
are counted by status and not verified here (the tests do that).

Usage: python -m bench.load HOST PORT PATH PKI_DIR CONNECTIONS DIRECTORY
"""

import http.client
import json
import ssl
import statistics
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    """Send every request in DIRECTORY once, and print what happened as JSON."""
    host, port, path, pki, connections, directory = sys.argv[1:7]
    folder = Path(pki)
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "vendor-a.pem", folder / "vendor-a.key")
    bodies = [file.read_bytes() for file in sorted(Path(directory).iterdir())]
    shares = [bodies[index :: int(connections)] for index in range(int(connections))]
    seconds: list[float] = []
    statuses: list[int] = []
    ready = threading.Barrier(len(shares) + 1)

    def send(share: list[bytes]) -> None:
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=120)
        connection.connect()
        ready.wait()
        for body in share:
            started = time.perf_counter()
            connection.request(
                "POST", path, body, {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
            )
            answer = connection.getresponse()
            answer.read()
            seconds.append(time.perf_counter() - started)
            statuses.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=send, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    ready.wait()
    print("go", flush=True)
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - started
    print(
        json.dumps(
            {
                "requests": len(statuses),
                "ok": statuses.count(200),
                "per_second": len(statuses) / wall,
                "median_ms": statistics.median(seconds) * 1000,
                "p99_ms": sorted(seconds)[int(len(seconds) * 0.99) - 1] * 1000,
            }
        )
    )


if __name__ == "__main__":
    main()
