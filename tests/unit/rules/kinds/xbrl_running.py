"""Runs the programs that judge instances with Arelle."""

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from tests.conftest import need
from tests.unit.rules.kinds.xbrl_judge import Answer
from tests.unit.rules.kinds.xbrl_taxonomy import ENTRY, SECOND, write_package

ROOT = Path(__file__).parents[4]
HERE = Path(__file__).parent
PACKAGE = "taxonomy.zip"


def need_arelle() -> None:
    """Skip a test where Arelle is not installed."""
    found = find_spec("arelle") is not None
    need("Arelle", found=found, install="pip install 'digipoort-wus[xbrl]'")


def judged(
    where: Path,
    documents: Mapping[str, bytes],
    options: Mapping[str, object] | None = None,
    *,
    package: Path | None = None,
    **more: bool | str,
) -> Answer:
    """Judge documents by the kind, each in a process of its own.

    Args:
        where: an empty directory, or one that is not there yet.
        documents: by name.
        options: other than those of the taxonomy of the tests.
        package: another one.
        more: keys of a job.
    """
    where.mkdir(exist_ok=True)
    package = package or write_package(where / PACKAGE)
    instances = where / "instances"
    instances.mkdir()
    for name, octets in documents.items():
        (instances / name).write_bytes(octets)
    job = {
        "options": {"packages": [PACKAGE], "entry_points": [ENTRY, SECOND], **(options or {})},
        "artefacts": {PACKAGE: str(package)},
        "instances": {name: str(instances / name) for name in documents},
        **more,
    }
    (where / "job.json").write_text(json.dumps(job))
    answer: Answer = json.loads(run("xbrl_judge.py", str(where / "job.json")))
    return answer


def run(program: str, *arguments: str) -> bytes:
    """Run one of the programs beside this, and return what it prints."""
    # As a worker has it: nothing else of the environment, and no threads for numbers.
    environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", str(HERE / program), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    if done.returncode:
        raise AssertionError(done.stderr.decode()[-2000:])
    return done.stdout
