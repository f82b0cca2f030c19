"""Asks Arelle, by the way that it documents, what is wrong with each of some instances; a program.

python xbrl_session.py PACKAGE DIRECTORY  ->  {"file name": [["code", "level"], ...]}
"""

import json
import logging
import sys
from pathlib import Path

from arelle.api.Session import Session
from arelle.RuntimeOptions import RuntimeOptions


def ask(package: Path, directory: Path) -> dict[str, list[str]]:
    """Return the codes of what is a warning or worse, in alphabetical order."""
    return {path.name: _codes(package, path) for path in sorted(directory.iterdir())}


def _codes(package: Path, path: Path) -> list[str]:
    options = RuntimeOptions(
        entrypointFile=str(path),
        packages=[str(package)],
        validate=True,
        internetConnectivity="offline",
        disablePersistentConfig=True,
        keepOpen=True,
        logFile="logToStructuredMessage",
        formulaUnmessagedUnsatisfiedAsser=True,
        validateDuplicateFacts="inconsistent",
    )
    with Session() as session:
        session.run(options)
        return sorted(
            str(each["messageCode"])
            for each in session.get_log_messages()
            if logging.getLevelName(each["levelname"]) >= logging.WARNING
        )


if __name__ == "__main__":
    print(json.dumps(ask(Path(sys.argv[1]), Path(sys.argv[2])), indent=1))
