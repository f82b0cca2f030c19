"""Turn every check off, one by one, and see that an attack notices.

    python -m tests.turn_off_checks [FILE ...] [--unit] [--wire]

Every `raise` of a Refusal in the judging modules is replaced by `pass`, in a process of its
own, and the corpus is run until a case comes out otherwise. A site that no case notices is
printed; with --unit the unit tests get their chance, with --wire a gateway is started for
each site that only a connection reaches. The corpus does not speak ebMS: with --unit, or by
name, the tables of defects are run for each site of its. Exit status 1 when something goes
unnoticed.
"""

import argparse
import ast
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO, cast

import digipoort_wus

PACKAGE = Path(digipoort_wus.__file__).parent
# Judged by a message or a certificate alone.
BY_MESSAGE = (
    "xmlsafe/*.py",
    "soap/addressing.py",
    "soap/envelope.py",
    "soap/mtom.py",
    "soap/multipart.py",
    "wss/form.py",
    "wss/header.py",
    "wss/verify.py",
    "pki/chain.py",
    "pki/profiles.py",
    "pki/revocation.py",
    "pki/oin.py",
    "contract/schema.py",
    "server/gate.py",
    "server/contents.py",
    "server/judge.py",
    "server/http.py",
)
# Judged by a connection, or with a store behind.
BY_WIRE = (
    "server/framing.py",
    "server/channel.py",
    "process/admission.py",
    "process/authorisation.py",
    "process/intake.py",
    "process/service.py",
    "process/queries.py",
)
# Judged by messages of ebMS; these tests are run for each, the one of the same name first.
BY_EBMS = (
    "ebms/agreed.py",
    "ebms/cpa_terms.py",
    "ebms/decryption.py",
    "ebms/fields.py",
    "ebms/mime.py",
    "ebms/opening.py",
    "ebms/packaging.py",
    "ebms/partners.py",
    "ebms/reading.py",
    "ebms/schema.py",
    "ebms/signals.py",
    "ebms/signature.py",
    "ebms/signature_form.py",
    "ebms/structure.py",
    "ebms/surviving.py",
    "messaging/hearing.py",
    "messaging/receiving.py",
)
EBMS_TESTS = (
    "ebms/test_defects.py",
    "ebms/test_package_defects.py",
    "ebms/test_agreed.py",
    "ebms/test_signals.py",
    "ebms/test_cpa_terms.py",
    "ebms/test_opening.py",
    "ebms/test_partners.py",
    "ebms/test_surviving.py",
    "ebms/test_signature.py",
    "ebms/test_encryption.py",
    "messaging/test_defects.py",
    "messaging/test_wire.py",
)
# What no case can show alone, because another check refuses the same a moment later (or before),
# or because no message can bring it about; by file and what stands in the source.
SECOND_LINES = {
    (
        "xmlsafe/c14n.py",
        "raise Refusal(checks.XML_CANONICAL)",
    ): "lxml raises before it returns nothing",
    ("xmlsafe/parse.py", "raise Refusal(checks.XML_DOCTYPE)"): "the scan of octets comes first",
    ("xmlsafe/lookover.py", "quotes'"): "attributes are counted once more after the parse",
    ("wss/header.py", "received=str(size)"): "its canonical form is measured as well",
    ("xmlsafe/lookover.py", "raise Refusal(checks.XSD_BASE64)"): "the decoder refuses it later",
    ("soap/multipart.py", "'a boundary behind every part'"): "the next line refuses it",
    ("soap/multipart.py", "'parts', 'none'"): "there is no envelope then",
    ("soap/multipart.py", "'headers and an empty line in every part'"): "what is left is no header",
    ("soap/mtom.py", "checks.WSS_TOKEN"): "the header refuses it as text",
    ("soap/addressing.py", "f'{origin[1]}:{origin[2]}'"): "a sandbox accepts any host",
    ("wss/verify.py", "expected='the SignatureValue of the request'"): "of answers, in a client",
    ("wss/verify.py", "checks.PKI_KEY"): "the chain refuses the key first",
    ("wss/verify.py", "expected='Expires'"): "no policy of ours demands it",
    ("pki/chain.py", "expected=f'at most {MAX_SENT}"): "of TLS, with nine issuers",
    ("pki/chain.py", "an OIN for {acceptance.name}"): "of production and test apart",
    ("pki/chain.py", "signed with SHA-256"): "the verifier refuses it later",
    ("pki/oin.py", "a subject that cannot be read"): "the chain refuses it first",
    ("pki/oin.py", "NUL or control"): "its form refuses it later",
    ("pki/oin.py", "a serialNumber of {len(value)}"): "its form refuses it later",
    ("contract/schema.py", "raise Refusal(checks.XSD_VALID)"): "libxml2 always says why",
    ("xmlsafe/inhoud.py", "too_long(len(compact)"): "what is decoded is refused",
    ("server/judge.py", "checks.PARTY_IDENTIFIED"): "TLS refuses it first",
    (
        "server/framing.py",
        "'another line', 'a name, a colon and a value'",
    ): "Twisted refuses it too",
    ("server/framing.py", "'another Content-Length'"): "Twisted refuses it too",
    ("server/framing.py", "'a bare CR, LF or NUL'"): "Twisted refuses it too",
    ("server/channel.py", "_busy('connections')"): "of a thousand connections",
    ("ebms/decryption.py", "'one long CipherValue'"): "the parser refuses a text of that length",
    ("ebms/surviving.py", "at='/Envelope') from refusal"): "lxml reads what it wrote",
    ("process/authorisation.py", "a party of the table"): "a sandbox lets others in",
    ("process/queries.py", "checks.PERIOD_ORDER"): "the mapping of the contract refuses it first",
    ("process/intake.py", "checks.KENMERK_CONTINUE"): "of a kenmerk that is told in an answer",
}
_SECONDS = 120


@dataclass(frozen=True)
class Site:
    """One `raise` of a Refusal."""

    file: str
    line: int
    check: str
    """As the source names it: ``WSS_CHILDREN``, or the function that makes the Refusal."""
    outer: str
    """The outermost function or method that it stands in."""
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def module(self) -> str:
        return "digipoort_wus." + self.file.removesuffix(".py").replace("/", ".")


def makers() -> frozenset[str]:
    """Return the names of every function of the package that makes a Refusal."""
    refusals = {"Refusal", "EbmsRefusal"}
    found = set(refusals)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            returns = node.returns if isinstance(node, ast.FunctionDef) else None
            if isinstance(returns, ast.Name) and returns.id in refusals:
                found.add(cast(ast.FunctionDef, node).name)
    return frozenset(found)


def sites(file: str, known: frozenset[str]) -> Iterator[Site]:
    """Find every `raise` of a Refusal in a file."""

    def walk(node: ast.AST, stack: tuple[str, ...], functions: int) -> Iterator[Site]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield from walk(child, (*stack, child.name), functions)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = stack if functions else (*stack, child.name)
                yield from walk(child, inner, functions + 1)
            elif isinstance(child, ast.Raise) and (name := _raised(child)) in known:
                yield Site(
                    file, child.lineno, _check(child, name), ".".join(stack), ast.unparse(child)
                )
            else:
                yield from walk(child, stack, functions)

    yield from walk(ast.parse((PACKAGE / file).read_text()), (), 0)


def _raised(node: ast.Raise) -> str:
    call = node.exc
    if not isinstance(call, ast.Call):
        return ""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _check(node: ast.Raise, name: str) -> str:
    assert isinstance(node.exc, ast.Call)
    first = node.exc.args[0] if node.exc.args else None
    return first.attr if isinstance(first, ast.Attribute) else name


def turn_off(site: Site) -> None:
    """Replace the code of the function that a site stands in, in this process, for good."""
    path = PACKAGE / site.file
    tree = ast.parse(path.read_text())
    tree = ast.fix_missing_locations(_Off(site.line).visit(tree))
    code = _code(compile(tree, str(path), "exec"), site.outer.split("."))
    function: object = importlib.import_module(site.module)
    for name in site.outer.split("."):
        function = vars(function)[name]
    _function(function).__code__ = code


class _Off(ast.NodeTransformer):
    def __init__(self, line: int) -> None:
        self._line = line

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        return ast.copy_location(ast.Pass(), node) if node.lineno == self._line else node


def _code(code: types.CodeType, names: Sequence[str]) -> types.CodeType:
    for name in names:
        code = next(
            constant
            for constant in code.co_consts
            if isinstance(constant, types.CodeType) and constant.co_name == name
        )
    return code


def _function(found: object) -> types.FunctionType:
    # A cached function, a property, a static method.
    for name in ("__wrapped__", "fget", "__func__"):
        found = getattr(found, name, None) or found
    assert isinstance(found, types.FunctionType)
    return found


class Corpus:
    """The cases that need no connection, made once; every run is in a process of its own."""

    def __init__(self) -> None:
        from digipoort_wus.conformance.cases import cases_directory, load_cases
        from tests.attacks_in_process import House, prepare_all

        self._house = House()
        self._cases = prepare_all(self._house, load_cases(cases_directory()))
        # Nothing was judged here so far, so that no child finds a cache that is filled.
        self._usual = self._run(None, {})
        assert len(self._usual) == len(self._cases), "the corpus does not run to its end"

    def notices(self, site: Site) -> str:
        """Return the first case that comes out otherwise without a site, empty when none does."""
        changed = self._run(site, self._usual)
        return next((name for name, got in changed.items() if got != self._usual[name]), "")

    def _run(self, site: Site | None, usual: dict[str, str]) -> dict[str, str]:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            with os.fdopen(writer, "w") as out:
                self._child(site, usual, out)
                out.flush()
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answers:
            got = dict(json.loads(line) for line in answers)
        os.waitpid(child, 0)
        if (
            site is not None
            and list(got)[-1:] != ["<end>"]
            and all(usual.get(name) == value for name, value in got.items())
        ):
            # It hung or died on the case after the last: that is noticed as well.
            left = [name for name in self._order(site) if name not in got]
            got[left[0]] = "no end"
        got.pop("<end>", None)
        return got

    def _child(self, site: Site | None, usual: dict[str, str], out: TextIO) -> None:
        signal.alarm(_SECONDS)
        if site is not None:
            turn_off(site)
        for name in self._order(site):
            try:
                got = self._house.run(self._cases[name])
            except Exception as error:
                got = f"crash: {type(error).__name__}"
            print(json.dumps([name, got]), file=out, flush=True)
            if usual and got != usual[name]:
                return
        if site is not None:
            print(json.dumps(["<end>", ""]), file=out, flush=True)

    def _order(self, site: Site | None) -> list[str]:
        """Return the cases, those that expect the check of a site first, large ones last."""
        wanted = "" if site is None else site.check.replace("_", "-")

        def rank(name: str) -> tuple[bool, int]:
            case = self._cases[name].case
            check = case.expected.check
            return (check is None or check.id != wanted, len(self._cases[name].octets))

        return sorted(self._cases, key=rank)


def unit_tests_notice(site: Site) -> bool:
    """Return whether the unit tests of the package fail without a site."""
    package, _, name = site.file.partition("/")
    chosen = [package]
    if site.file in BY_EBMS:
        own = f"{package}/test_{name}"
        chosen = [own] if Path("tests/unit", own).is_file() else []
        chosen += [each for each in EBMS_TESTS if each != own]
    command = [sys.executable, "-m", "tests.turn_off_checks", "--off", str(site), "pytest"]
    run = subprocess.run(
        [*command, *(f"tests/unit/{each}" for each in chosen)],
        capture_output=True,
        timeout=900,
        check=False,
    )
    # Anything else than passed or failed says nothing about the site.
    if run.returncode not in (0, 1):
        raise RuntimeError(f"pytest could not run: {(run.stdout + run.stderr)[-2_000:]!r}")
    return run.returncode == 1


def wire_notices(site: Site) -> str:
    """Return the first case that a gateway without a site answers otherwise than it must."""
    from digipoort_wus.cli.local_gateway import ready_urls
    from digipoort_wus.clock import system_clock
    from digipoort_wus.conformance.attacks import Run, endpoint_at
    from digipoort_wus.conformance.cases import cases_directory, load_cases
    from digipoort_wus.conformance.parties import Parties
    from digipoort_wus.pki.testpki import keys_from, make_pki, write_pki
    from digipoort_wus.pki.wrong import write_wrong
    from tests.conftest import CERTS_TEST

    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "pki"
        pki = make_pki("g1", now=system_clock(), key_source=keys_from(CERTS_TEST / "g1"))
        write_pki(pki, directory)
        write_wrong(pki, directory, now=system_clock())
        settings = (cases_directory() / "sandbox.toml").read_text()
        trust = '[trust]\nca = "pki/wrong/ca.pem"\ncrls = "pki/wrong/crl"\n'
        (Path(scratch) / "gateway.toml").write_text(f"{settings}\n{trust}")
        arguments = ["--data-dir", f"{scratch}/data", "--pki-dir", str(directory)]
        arguments += ["--config", f"{scratch}/gateway.toml", "--port", "0"]
        command = [sys.executable, "-m", "tests.turn_off_checks", "--off", str(site), "serve"]
        with subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                run = Run(
                    endpoint_at(ready_urls(process)[0]),
                    Parties(directory / "ca.pem", None, directory),
                    system_clock,
                    told=True,
                    filing_between=False,
                )
                wanted = site.check.replace("_", "-")
                families = {"http", "framing", "mtom", "party", "replay", "contract"}
                cases = [case for case in load_cases(cases_directory()) if case.family in families]
                cases.sort(
                    key=lambda case: case.expected.check is None or case.expected.check.id != wanted
                )
                for result in run.results(cases):
                    if not result.verdict.is_good:
                        return result.case.id
                return ""
            finally:
                process.kill()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*", help="such as wss/header.py; all of them by default")
    parser.add_argument("--unit", action="store_true", help="ask the unit tests as well")
    parser.add_argument("--wire", action="store_true", help="also what only a connection reaches")
    arguments = parser.parse_args()
    known = makers()
    files = list(_files(arguments.files, wire=arguments.wire, unit=arguments.unit))
    corpus = Corpus() if any(file not in BY_EBMS for file, _ in files) else None
    unnoticed = total = 0
    for file, by_wire in files:
        of_ebms = file in BY_EBMS
        for site in sites(file, known):
            total += 1
            noticed = ""
            if by_wire:
                noticed = wire_notices(site)
            elif corpus is not None and not of_ebms:
                noticed = corpus.notices(site)
            if not noticed and (arguments.unit or of_ebms) and unit_tests_notice(site):
                noticed = "(unit tests)"
            if not noticed:
                noticed = _excuse(site)
            unnoticed += not noticed
            print(f"{site!s:<32} {site.check:<24} {noticed or 'NOBODY NOTICES'}", flush=True)
    print(f"{total - unnoticed} of {total} checks are noticed when they are turned off.")
    return 1 if unnoticed else 0


def _excuse(site: Site) -> str:
    for (file, words), reason in SECOND_LINES.items():
        if file == site.file and words in site.source:
            return f"(second line: {reason})"
    return ""


def _files(chosen: Sequence[str], *, wire: bool, unit: bool) -> Iterator[tuple[str, bool]]:
    for file in BY_EBMS:
        if file in chosen or (not chosen and unit):
            yield file, False
    for patterns, by_wire in ((BY_MESSAGE, False), (BY_WIRE, True)):
        for pattern in patterns:
            for path in sorted(PACKAGE.glob(pattern)):
                file = str(path.relative_to(PACKAGE))
                if file in chosen or (not chosen and (wire or not by_wire)):
                    yield file, by_wire


def run_without(site_name: str, command: str, arguments: list[str]) -> NoReturn:
    """Turn a site off in this process, then run pytest or the gateway in it."""
    file, _, line = site_name.partition(":")
    turn_off(next(site for site in sites(file, makers()) if site.line == int(line)))
    if command == "pytest":
        import pytest

        # Assertions of the package's own pytest plugin are not rewritten: it is imported already.
        late = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *late, *arguments]))
    from digipoort_wus.cli.main import main as command_line

    sys.argv = ["digipoort-wus", command, *arguments]
    command_line()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--off"]:
        run_without(sys.argv[2], sys.argv[3], sys.argv[4:])
    sys.exit(main())
