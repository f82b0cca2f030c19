"""Asks Arelle which filing rules each of some instances breaks; a program of its own.

Arelle keeps its state in the process, and warns of much: it is not to be met in a test.

    python arelle_oracle.py PACKAGE DIRECTORY  ->  {"file name": ["NL.FR-NL-1.02", ...]}
"""

import json
import sys
from pathlib import Path

from arelle.api.Session import Session
from arelle.RuntimeOptions import RuntimeOptions


def ask(package: Path, directory: Path) -> dict[str, list[str]]:
    files = sorted(path for path in directory.iterdir() if path.is_file())
    options = RuntimeOptions(
        entrypointFile=json.dumps([{"file": str(path)} for path in files]),
        packages=[str(package)],
        plugins="validate/NL",
        disclosureSystemName="NT20",
        validate=True,
        internetConnectivity="offline",
        disablePersistentConfig=True,
        keepOpen=True,
        logFile="logToBuffer",
    )
    with Session() as session:
        session.run(options)
        return {
            Path(model.modelDocument.uri if model.modelDocument else model.uri).name: sorted(
                str(code) for code in model.errors
            )
            for model in session.get_models()
        }


if __name__ == "__main__":
    print(json.dumps(ask(Path(sys.argv[1]), Path(sys.argv[2])), indent=1))
