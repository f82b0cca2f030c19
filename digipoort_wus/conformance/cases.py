"""Attack cases: one TOML file each, read into frozen values, every mistake a sentence.

A case says what is sent (the steps of a recipe, and where it matters the HTTP and TLS
around it) and what must come back. Adding a case is adding a file:
``docs/how-to/attack.md`` tells the keys.
"""

import importlib.resources
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, get_args

from digipoort_wus import checks

# Each makes its steps known to `read_step`.
from digipoort_wus.conformance import forge as _forge
from digipoort_wus.conformance import octet_steps as _octet_steps
from digipoort_wus.conformance import tree_steps as _tree_steps
from digipoort_wus.conformance.messages import ECHOES, Draft
from digipoort_wus.conformance.recipes import Step, read_step
from digipoort_wus.errors import Check, ConfigurationError

Answer = Literal["accepted", "fault", "http", "alert", "closed"]
Framing = Literal["length", "chunked", "none"]
STEP_MODULES = (_forge, _octet_steps, _tree_steps)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Http:
    """How the message travels; the defaults are a plain POST.

    Args:
        headers: replace or add; an empty value leaves a header out.
        lines: further header lines, as they are.
        framing: how the end of the body is told.
        length: what Content-Length claims; None tells the truth.
        raw: a whole request instead, in which ``${head}`` and ``${body}`` are the usual ones.
        pieces: octets that are written at a time, when there is a pause between them.
        pause: seconds between pieces.
    """

    method: str = "POST"
    path: str = ""
    version: str = "HTTP/1.1"
    headers: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    framing: Framing = "length"
    length: str = ""
    raw: str = ""
    pieces: int = 0
    pause: float = 0.0

    @property
    def is_value(self) -> bool:
        """Return whether method, path and headers are all there is: no connection is needed."""
        return not (self.lines or self.raw or self.length or self.pieces or self.pause) and (
            self.framing == "length" and self.version == "HTTP/1.1"
        )


@dataclass(frozen=True, slots=True)
class Tls:
    """How the connection is set up.

    Args:
        certificate: by its name in the PKI directory; ``none`` shows no certificate.
        version: ``1.0`` to ``1.3``, empty for the best.
        ciphers: in OpenSSL's notation, for TLS 1.2 and before.
        alpn: protocols that are offered.
    """

    certificate: str = "vendor-a"
    version: str = ""
    ciphers: str = ""
    alpn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come back.

    Args:
        check: that refuses; None for what is accepted, and for alerts and closed connections.
        status: HTTP status.
        code: number of the fault code.
        alert: name of the TLS alert, in lower case with underscores; empty for any.
    """

    answer: Answer
    check: Check | None
    status: int
    code: int
    alert: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that a stranger may send, and what must come of it.

    Args:
        id: the name of its file.
        family: the name of its folder.
        title: one sentence: what is sent.
        refs: public names of the weakness.
        requirements: official identifiers of what is broken, such as ``WB004``.
        endpoint: which service it is sent to.
        max_cpu_ms: of the gateway, for the whole exchange.
        max_mib: by which the gateway may grow meanwhile.
        seconds: within which the answer comes.
    """

    id: str
    family: str
    title: str
    steps: tuple[Step, ...]
    expected: Expected
    message: Draft = field(default_factory=Draft)
    http: Http = Http()
    tls: Tls = Tls()
    refs: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    endpoint: str = "digipoort"
    max_cpu_ms: int = 150
    max_mib: int = 16
    seconds: int = 20

    @property
    def by_message(self) -> bool:
        """Return whether the message and the head of its request alone decide."""
        return self.http.is_value and self.tls == Tls() and self.expected.answer != "alert"


def cases_directory() -> Path:
    """Return where the cases are that come with this package."""
    return Path(str(importlib.resources.files("digipoort_wus") / "_attacks"))


def load_cases(directory: Path) -> tuple[Case, ...]:
    """Load every case below a directory, by family and name.

    Raises:
        ConfigurationError: a file is no case; the sentence names file and key.
    """
    paths = sorted(directory.glob("*/*.toml"))
    if not paths:
        raise ConfigurationError(
            f"{directory} holds no cases: give a directory of folders of them."
        )
    cases = tuple(load_case(path) for path in paths)
    seen: dict[str, str] = {}
    for case in cases:
        if seen.setdefault(case.id, case.family) != case.family:
            raise ConfigurationError(
                f"{case.id}.toml is in {seen[case.id]} and in {case.family}: rename one."
            )
    return cases


def load_case(path: Path) -> Case:
    """Load one case.

    Raises:
        ConfigurationError: it is no case; the sentence names file and key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as TOML: {error}.") from error
    reader = _Table(table, str(path))
    defaults = Case("", "", "", (), Expected("accepted", None, 200, 0))
    steps = tuple(
        read_step(step, f"{path}, step {number}")
        for number, step in enumerate(reader.take("step", list, []), 1)
    )
    endpoint = reader.one_of(
        "endpoint", reader.take("endpoint", str, "digipoort"), ("digipoort", *ECHOES)
    )
    case = Case(
        id=path.stem,
        family=path.parent.name,
        title=reader.take("title", str, ""),
        steps=steps,
        expected=_expected(reader.table_of("expect"), endpoint),
        message=_message(reader.table_of("message")),
        http=_http(reader.table_of("http")),
        tls=_tls(reader.table_of("tls")),
        refs=reader.texts("refs"),
        requirements=reader.texts("requirements"),
        endpoint=endpoint,
        max_cpu_ms=reader.take("max_cpu_ms", int, defaults.max_cpu_ms),
        max_mib=reader.take("max_mib", int, defaults.max_mib),
        seconds=reader.take("seconds", int, defaults.seconds),
    )
    reader.refuse_the_rest()
    if not case.title.endswith("."):
        raise ConfigurationError(f"{path}: title is one sentence, with a full stop.")
    return case


def _message(reader: "_Table") -> Draft:
    message = Draft(
        operation=reader.take("operation", str, "aanleveren"),
        body=reader.take("body", str, ""),
        to=reader.take("to", str, ""),
        action=reader.take("action", str, ""),
        message_id=reader.take("message_id", str, ""),
    )
    reader.refuse_the_rest()
    return message


def _http(reader: "_Table") -> Http:
    framing = reader.take("framing", str, "length")
    http = Http(
        method=reader.take("method", str, "POST"),
        path=reader.take("path", str, ""),
        version=reader.take("version", str, "HTTP/1.1"),
        headers=reader.texts_by_name("headers"),
        lines=reader.texts("lines"),
        framing=reader.one_of("framing", framing, get_args(Framing)),
        length=reader.take("length", str, ""),
        raw=reader.take("raw", str, ""),
        pieces=reader.take("pieces", int, 0),
        pause=reader.take("pause", float, 0.0),
    )
    reader.refuse_the_rest()
    return http


def _tls(reader: "_Table") -> Tls:
    tls = Tls(
        certificate=reader.take("certificate", str, "vendor-a"),
        version=reader.one_of(
            "version", reader.take("version", str, ""), ("", "1.0", "1.1", "1.2", "1.3")
        ),
        ciphers=reader.take("ciphers", str, ""),
        alpn=reader.texts("alpn"),
    )
    reader.refuse_the_rest()
    return tls


def _expected(reader: "_Table", endpoint: str) -> Expected:
    name = reader.take("check", str, "")
    check = _check(name, reader.name) if name else None
    usual: Answer = "accepted" if check is None else "fault" if check.http is None else "http"
    answer: Answer = reader.one_of("answer", reader.take("answer", str, usual), get_args(Answer))
    if (answer in ("fault", "http")) != (check is not None):
        raise ConfigurationError(
            f"{reader.name}: name the check of a fault or HTTP answer, and of nothing else."
        )
    if check is None:
        status = 200 if answer == "accepted" else 0
    else:
        status = 500 if check.http is None else check.http
    # The codes of Digikoppeling's faults are no numbers.
    numbered = check is not None and answer == "fault" and endpoint == "digipoort"
    expected = Expected(
        answer=answer,
        check=check,
        status=reader.take("status", int, status),
        code=reader.take("code", int, check.code if check and numbered else 0),
        alert=reader.take("alert", str, ""),
    )
    reader.refuse_the_rest()
    return expected


def _check(name: str, where: str) -> Check:
    try:
        return checks.by_id(name)
    except KeyError:
        raise ConfigurationError(f"{where}: there is no check {name!r}.") from None


@dataclass(slots=True)
class _Table:
    """Takes known keys out of one table; what is left over at the end is unknown."""

    table: dict[str, object]
    name: str

    def take(self, key: str, kind: type[T], default: T) -> T:
        value = self.table.pop(key, default)
        if kind is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigurationError(
                f"{self.name}: {key} is a {kind.__name__}, not {type(value).__name__}."
            )
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values: list[object] = self.take(key, list, [])
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            raise ConfigurationError(f"{self.name}: {key} is a list of texts.")
        return texts

    def texts_by_name(self, key: str) -> dict[str, str]:
        table: dict[str, object] = self.take(key, dict, {})
        texts = {name: value for name, value in table.items() if isinstance(value, str)}
        if len(texts) != len(table):
            raise ConfigurationError(f"{self.name}: the values of {key} are texts.")
        return texts

    def table_of(self, key: str) -> "_Table":
        return _Table(self.take(key, dict, {}), f"{self.name}, [{key}]")

    def one_of(self, key: str, value: str, allowed: tuple[T, ...]) -> T:
        for candidate in allowed:
            if candidate == value:
                return candidate
        raise ConfigurationError(
            f"{self.name}: {key} is one of {', '.join(map(str, allowed))}, not {value!r}."
        )

    def refuse_the_rest(self) -> None:
        if self.table:
            raise ConfigurationError(
                f"{self.name}: unknown key {', '.join(sorted(self.table))}; see "
                "docs/how-to/attack.md."
            )
