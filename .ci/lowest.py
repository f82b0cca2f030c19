"""Run pip with every requirement of setup.cfg held at the lowest version that it allows.

`tox -e lowest` installs with this. The bounds are read from setup.cfg at each run,
so what is tested is what is promised there.
"""

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from tempfile import NamedTemporaryFile

SETUP = Path(__file__).parent.parent / "setup.cfg"
BOUND = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?\s*>=\s*(?P<version>[\w.]+)\s*(?P<marker>;.*)?")


def lowest() -> list[str]:
    """Return pip constraints: each requirement of the package and its tests at its bound."""
    setup = ConfigParser()
    setup.read_string(SETUP.read_text())
    wanted = setup["options"]["install_requires"] + setup["options.extras_require"]["test"]
    constraints = []
    for requirement in wanted.strip().splitlines():
        if not requirement or requirement.startswith("#"):
            continue
        bound = BOUND.fullmatch(requirement)
        if bound is None:
            sys.exit(f"setup.cfg: {requirement!r} has no lower bound, or more than one")
        constraints.append(f"{bound['name']}=={bound['version']}{bound['marker'] or ''}")
    return constraints


with NamedTemporaryFile("w", suffix=".txt") as constraints:
    constraints.write("\n".join(lowest()))
    constraints.flush()
    command = [sys.executable, "-m", "pip", "install", "--constraint", constraints.name]
    sys.exit(subprocess.call([*command, *sys.argv[1:]]))  # noqa: S603 - pip, and what tox gives
