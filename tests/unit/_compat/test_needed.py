"""Every shim of _compat is still needed. What fails here asks to remove one."""

import subprocess
import sys

import pytest

from digipoort_wus._compat.spyne_imports import DOCUMENT_LOGGERS

KNOWN_ERROR = (
    "ImportWarning: _SixMetaPathImporter.find_spec() not found; falling back to find_module()"
    if sys.version_info < (3, 12)
    else "ModuleNotFoundError: No module named 'spyne.util.six.moves'"
)
# Spyne serves as it does by itself, with its own parser, and our shim for imports only.
SERVES = """
import logging, sys
from digipoort_wus._compat import spyne_imports
spyne_imports.DOCUMENT_LOGGERS = ()
spyne_imports.prepare()
from spyne import Application, Fault, Integer, MethodContext, ServiceBase, Unicode, rpc
from spyne.protocol.xml import XmlDocument
from spyne.server import ServerBase

class Service(ServiceBase):
    @rpc(Integer)
    def count(ctx, number): pass
    @rpc(Unicode)
    def refuse(ctx, text): raise Fault("Client", text)
    @rpc(Unicode)
    def fail(ctx, text): raise Fault("Server", text)
    @rpc(Unicode)
    def crash(ctx, text): raise ValueError(text)

class Server(ServerBase):
    transport = "none"

class Loud(logging.Handler):
    def emit(self, record):
        if "SECRET" in logging.Formatter().format(record):
            print(record.name)

logging.getLogger().addHandler(Loud())
# This one writes documents only where the level is its own.
logging.getLogger("spyne.protocol.xml").setLevel(logging.DEBUG)
application = Application(
    [Service], "urn:t", in_protocol=XmlDocument(), out_protocol=XmlDocument()
)
server = Server(application)
for document in (
    "<SECRET",
    "<count xmlns='urn:t'><number>SECRET</number></count>",
    "<refuse xmlns='urn:t'><text>SECRET</text></refuse>",
    "<fail xmlns='urn:t'><text>SECRET</text></fail>",
    "<crash xmlns='urn:t'><text>SECRET</text></crash>",
):
    context = MethodContext(server, MethodContext.SERVER)
    context.in_string = [document.encode()]
    (context,) = server.generate_contexts(context)
    if context.in_error is None:
        server.get_in_object(context)
    if context.in_error is None:
        server.get_out_object(context)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    # SyntaxWarning: compiling a wheel that was never imported warns about its escapes.
    warnings = ("-W", "error", "-W", "ignore::SyntaxWarning", "-W", "ignore::DeprecationWarning")
    command = [sys.executable, *warnings, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_spyne_does_not_import_by_itself() -> None:
    finished = run("import spyne.protocol.xml")
    assert finished.returncode != 0, "Spyne imports by itself: remove the shim _load_six"
    assert finished.stderr.splitlines()[-1] == KNOWN_ERROR


@pytest.fixture(scope="module")
def loggers_that_quote() -> set[str]:
    finished = run(SERVES)
    assert finished.returncode == 0, finished.stderr
    return set(finished.stdout.split())


@pytest.mark.parametrize("name", DOCUMENT_LOGGERS)
def test_a_silenced_logger_would_write_documents(name: str, loggers_that_quote: set[str]) -> None:
    assert name in loggers_that_quote, f"{name} no longer does: remove it from DOCUMENT_LOGGERS"


def test_no_other_logger_writes_documents(loggers_that_quote: set[str]) -> None:
    assert loggers_that_quote <= set(DOCUMENT_LOGGERS)
