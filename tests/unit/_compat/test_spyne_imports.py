"""Spyne imports without a warning, only when asked to, and does not log documents."""

import logging
import subprocess
import sys

import pytest

from digipoort_wus._compat import spyne_imports


def run(code: str) -> str:
    """Run code in a fresh interpreter in which every warning is an error."""
    command = [sys.executable, "-W", "error", "-c", code]
    # Compiling a wheel that was never imported warns about its escapes: not our subject.
    command[3:3] = ["-W", "ignore::SyntaxWarning", "-W", "default::DeprecationWarning"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout + finished.stderr


def test_what_we_use_of_spyne_imports_without_warning() -> None:
    output = run(
        "import digipoort_wus.contract.services, digipoort_wus.server.spyne_host, sys;"
        "print([name for name in ('twisted', 'cgi', 'spyne.server.twisted', 'spyne.protocol.soap')"
        " if name in sys.modules])"
    )
    assert output.strip() == "[]"


def test_modules_moved_by_six_are_those_of_the_standard_library() -> None:
    run(
        "from digipoort_wus._compat.spyne_imports import prepare; prepare(); prepare();"
        "import urllib.parse, http.cookies, collections.abc;"
        "from spyne.util.six.moves.urllib.parse import unquote;"
        "from spyne.util.six.moves.http_cookies import SimpleCookie;"
        "from spyne.util.six.moves.collections_abc import Sequence;"
        "import spyne.util.six;"
        "assert unquote is urllib.parse.unquote;"
        "assert SimpleCookie is http.cookies.SimpleCookie;"
        "assert Sequence is collections.abc.Sequence"
    )


def test_importing_the_package_does_not_import_spyne() -> None:
    output = run(
        "import digipoort_wus, digipoort_wus._compat.spyne_imports, sys, logging;"
        "print('spyne' in sys.modules, 'spyne.util.six' in sys.modules,"
        " logging.getLogger('spyne.protocol.xml').filters)"
    )
    assert output.strip() == "False False []"


@pytest.mark.parametrize("name", spyne_imports.DOCUMENT_LOGGERS)
def test_document_loggers_are_silent_at_any_level(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    spyne_imports.prepare()
    spyne_imports.prepare()
    caplog.set_level(logging.DEBUG, logger=name)
    logging.getLogger(name).critical("document")
    assert caplog.text == ""
    assert len(logging.getLogger(name).filters) == 1
