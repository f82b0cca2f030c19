"""A raw load generator: prepared requests over keep-alive mutual TLS, from a process of its own.

zeep needs several milliseconds of CPU for a call, so it would measure itself.
Every request is signed beforehand and has a MessageID of its own; the answers
are counted by status and not verified here (the tests do that).

It says ``go`` when every connection stands, waits for a line, and prints the
outcome as JSON when the last answer has come.

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

_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}


def main() -> None:
    """Send every request in DIRECTORY once."""
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
        ready.wait()
        for body in share:
            started = time.perf_counter()
            connection.request("POST", path, body, _HEADERS)
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
    sys.stdin.readline()
    started = time.perf_counter()
    ready.wait()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - started
    outcome = {
        "requests": len(statuses),
        "ok": statuses.count(200),
        "per_second": len(statuses) / wall,
        "median_ms": statistics.median(seconds) * 1000,
        "p99_ms": sorted(seconds)[int(len(seconds) * 0.99) - 1] * 1000,
    }
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
