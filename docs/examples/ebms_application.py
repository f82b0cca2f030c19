"""Take the messages that came in over ebMS: save what they hold, then say so to the gateway.

Usage: python ebms_application.py URL TOKEN_FILE DIRECTORY

URL is that of the interface for applications, such as http://127.0.0.1:8447. A message is marked
when all of it is saved, so that one may be saved twice when the program is cut off, and none is
lost. Needs nothing but Python.
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

USAGE = "usage: python ebms_application.py URL TOKEN_FILE DIRECTORY"
PIECE = 1_048_576
# The gateway is near: a proxy that the environment names is not asked.
OPENER = build_opener(ProxyHandler({}))


def main() -> int:
    """Take all that is there now."""
    if len(sys.argv) != 4:
        print(USAGE, file=sys.stderr)
        return 2
    url, directory = sys.argv[1].rstrip("/"), Path(sys.argv[3])
    try:
        token = Path(sys.argv[2]).read_text(encoding="ascii").strip()
        while rows := ask(url, token, "GET", "messages/unprocessed?limit=100")["messages"]:
            for row in rows:
                take(url, token, row["id"], directory)
    except HTTPError as error:
        print(json.load(error)["detail"], file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def take(url: str, token: str, number: int, directory: Path) -> None:
    """Save the payloads of one message, and mark it."""
    message = ask(url, token, "GET", f"messages/{number}?inline=false")
    for payload in message["payloads"]:
        # The name of a file is the sender's choice, and so no part of a path.
        target = directory / f"{number}-{payload['number']}"
        request = asking(url, token, "GET", f"messages/{number}/payloads/{payload['number']}")
        with OPENER.open(request, timeout=60) as answer, target.open("wb") as file:
            while piece := answer.read(PIECE):
                file.write(piece)
        if target.stat().st_size != payload["size"]:
            raise ValueError(f"{target} is cut off: run this again.")
        print(target, payload["mediaType"], "of", message["from"])
    ask(url, token, "POST", "messages/processed", {"ids": [number]})


def ask(url: str, token: str, method: str, path: str, body: object = None) -> Any:
    """Ask one thing, and return what is told."""
    with OPENER.open(asking(url, token, method, path, body), timeout=60) as answer:
        return json.load(answer)


def asking(url: str, token: str, method: str, path: str, body: object = None) -> Request:
    """Return one request."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    return Request(f"{url}/v1/{path}", data, headers, method=method)  # noqa: S310 - the caller's


if __name__ == "__main__":
    sys.exit(main())
