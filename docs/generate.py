"""Write the reference pages that follow from the code.

``python docs/generate.py`` writes them; with ``--check`` it writes nothing, names the
pages that are out of date, and exits 1 when there are any.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import click
from backend_pages import backend_document, backend_page
from ebms_pages import ebms_page
from rules_pages import rule_kinds_page, rule_sets_page
from tables import cell, page, table
from trust_pages import attacks_page, checks_page, policies_page, requirements_page

from digipoort_wus import limits, names
from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.filing.status import STATUS_CODES
from digipoort_wus.process.scenarios import Reply, Scenario, sandbox_scenarios
from digipoort_wus.process.transitions import FIRST_STEP, INTAKE_STATUSES, TRANSITIONS

REFERENCE = Path(__file__).parent / "reference"

_ENDINGS = {"open": "goes on", "success": "ends well", "failure": "ends in failure"}

_LIMITS = """\
Every number that bounds what a stranger can make the gateway do. Bytes are octets, times are
seconds. They are constants of `digipoort_wus.limits`, not settings.
"""

_STATUSES = """\
The statuses of a filing, in the order of the table in `digipoort_wus.filing.status`. A status
with a `statusFoutcode` ends a process in failure, whatever its code is, and every process that
ends in failure ends with one: there are clients that ask until they see it, or a 500.

"Seen" means that the Dutch text was seen in a real message; the other texts are ours.
"""

_TRANSITIONS = """\
## What leads to which status

This is the whole process: in a step, an event appends statuses and leads to the next step.
The statuses {intake} are written together with the filing, before the answer; the first step
is `{first}`. Events that are tried again write nothing, but for the first 420.

{diagram}

`accepted` and `refused` during a delivery are reports of an agency (`zetStatus`) that came before
the answer to our delivery: who reports on a filing has it. In `await` nothing is due until the
agency reports. `cancelled` is an operator's decision; what the agency has is not cancelled.

The statusFoutcode stands in the last status of the row, unless whoever failed tells one of its
own. `VAS400`, `VAS500`, `AFS400` and `AFS600` are known; `AUT400`, `AUT500` and `UVP500` are made
after them, and `BEH900` is ours altogether.
"""

_SCENARIOS = """\
In a sandbox the `aanleverkenmerk` of a filing may be the name of a scenario, exact and
case-sensitive. Any other value is a normal filing. The content of a filing with a scenario is
not validated. A gateway in production mode plays none.

The names come from public clients. What each one does is **inferred**, except `Happyflow` (its
nine statuses were seen) and the faults of `AanleverFault` and `StatusInformatieFault` (the
faults were seen; that these names ask for them is inferred).
"""

_OPERATIONS = """\
Twelve operations for companies in three services of Digipoort, version 1.2; two for agencies, of
which `zetStatus` is the interface's as far as that is public, and `aanbieden` is ours; and an Echo
of Digikoppeling, ours too, once for each of two profiles. SOAP 1.1, document/literal. What each
demands of a message is the matter of its [policy](policies.md).

- The HTTP header `SOAPAction` is the request action, in quotes. On the services of Digipoort it
  may also be absent, empty, unquoted, or the last segment alone, and `wsa:Action` decides.
- The request action of Digipoort's may also have the port type's name in place of the service's
  (`.../AanleverService_V1_2/aanleverenRequest`), as WCF derives it.
- The slash at the end of a fault action of Digipoort is part of it.
- AanleverService also takes MTOM packages; answers are always `text/xml`.
- AfleverService is served by agencies, and the gateway calls it. Its elements are those of the
  interface; everything else of it is inferred ([agencies](../how-to/agency.md)).
- `GET` with `?wsdl` or `?xsd=...` at a path gives the contract. It needs a client certificate,
  as everything does.
"""

_CLI = """\
`digipoort-wus COMMAND --help` says the same. `python -m digipoort_wus` is the same program.

An error is one sentence on stderr. Results go to stdout, notes and progress to stderr.
"""

_EXIT_CODES = MappingProxyType(
    {
        "0": "it worked",
        "1": "it did not; a sentence on stderr says what to do",
        "2": "wrong use of the command",
        "130": "interrupted",
    }
)

_TWIST = """\
## twist digipoort-wus

The same gateway as a service of Twisted's `twist`, with the options `--data-dir`, `--pki-dir`,
`--host`, `--port` and `--config` of `serve`. The plug-in is found only where the package is
installed, not in a source tree.
"""


def limits_page() -> str:
    """Return the page of all limits."""
    parts = [_LIMITS]
    for title, rows in _limits(Path(limits.__file__)).items():
        parts.append(f"## {title}\n\n{table(('limit', 'value', 'remark'), rows)}")
    return page("Limits", "`digipoort_wus/limits.py`", parts)


def statuses_page() -> str:
    """Return the page of the status table and of what leads to each status."""
    codes = table(
        ("code", "statusomschrijving", "process", "text"),
        (
            (row.code, row.text, _ENDINGS[row.ending], "seen" if row.observed else "ours")
            for row in STATUS_CODES.values()
        ),
    )
    note = (
        "420 goes on while delivery is tried again; one with a statusFoutcode ends the process in\n"
        "failure: a second one with `AFS600`, or that of an operator."
    )
    steps = table(
        ("step", "event", "statuses", "statusFoutcode", "next step"),
        (
            (
                f"`{step.value}`",
                event.value,
                " ".join(transition.codes) or "none",
                f"`{transition.error.code}`" if transition.error else "none",
                f"`{transition.then.value}`" if transition.then else "none",
            )
            for (step, event), transition in TRANSITIONS.items()
        ),
    )
    intro = _TRANSITIONS.format(
        intake=" ".join(INTAKE_STATUSES), first=FIRST_STEP.value, diagram=_diagram()
    )
    return page(
        "Statuses",
        "`digipoort_wus/filing/status.py` and `process/transitions.py`",
        [f"{_STATUSES}\n{codes}\n{note}\n", f"{intro}\n{steps}"],
    )


def _diagram() -> str:
    """Return the process as a Mermaid diagram: an arrow for each row that writes or moves."""
    arrows = [f"[*] --> {FIRST_STEP.value}: {' '.join(INTAKE_STATUSES)}"]
    for (step, event), transition in TRANSITIONS.items():
        if transition.then is step:
            continue
        then = transition.then.value if transition.then else "[*]"
        codes = f" / {' '.join(transition.codes)}" if transition.codes else ""
        arrows.append(f"{step.value} --> {then}: {event.value}{codes}")
    lines = ["```mermaid", "stateDiagram-v2", *(f"    {arrow}" for arrow in arrows), "```"]
    return "\n".join(lines)


def scenarios_page() -> str:
    """Return the page of the scenarios of the sandbox."""
    rows = table(
        ("aanleverkenmerk", "what happens", "delivery", "agency", "answers"),
        (
            (f"`{s.name}`", s.about, s.deliver.value, s.answer.value, _answers(s))
            for s in sandbox_scenarios().values()
        ),
    )
    return page("Scenarios", "`digipoort_wus/process/scenarios.toml`", [f"{_SCENARIOS}\n{rows}"])


def operations_page() -> str:
    """Return the page of services, operations, elements, actions and paths."""
    parts = [_OPERATIONS]
    for service in (*names.ENDPOINTS.values(), *names.AGENCY_SERVICES.values()):
        elements = table(
            ("operation", "request element", "response element"),
            ((f"`{op.name}`", f"`{op.request}`", f"`{op.response}`") for op in service.operations),
        )
        actions = table(
            ("operation", "request action", "response action", "fault action"),
            (
                (
                    f"`{op.name}`",
                    f"`{service.request_action(op)}`",
                    f"`{service.response_action(op)}`",
                    f"`{service.fault_action(op)}`",
                )
                for op in service.operations
            ),
        )
        codes = f"codes `{service.fault_prefix}...`" if service.fault_prefix else "no codes"
        facts = [
            f"- Target namespace: `{service.namespace}`",
            f"- Namespace of the elements: `{service.types}`",
            f"- Port type, port and service: `{service.port_type}`",
            f"- Policy: `{service.policy}`",
            f"- Fault detail: `{service.fault}`, {codes}",
            *(f"- Path: `{path}`" for path in service.paths),
        ]
        parts.append(f"## {service.name}\n\n" + "\n".join(facts) + f"\n\n{elements}\n{actions}")
    return page("Operations", "`digipoort_wus/names.py`", parts)


def cli_page() -> str:
    """Return the page of the command line."""
    parts = [f"{_CLI}\n## Exit status\n\n{_exit_codes()}"]
    parts += [_command_section(name, command) for name, command in _commands()]
    parts.append(_TWIST)
    return page("Command line", "`digipoort_wus/cli/`", parts)


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "checks.md": checks_page,
        "policies.md": policies_page,
        "requirements.md": requirements_page,
        "attacks.md": attacks_page,
        "limits.md": limits_page,
        "statuses.md": statuses_page,
        "scenarios.md": scenarios_page,
        "operations.md": operations_page,
        "rule-sets.md": rule_sets_page,
        "rule-kinds.md": rule_kinds_page,
        "cli.md": cli_page,
        "ebms.md": ebms_page,
        "ebms-backend.md": backend_page,
        "ebms-backend.json": backend_document,
    }
)
"""File name in ``docs/reference`` and what makes its text."""


def outdated(directory: Path = REFERENCE) -> list[Path]:
    """Return the pages whose files do not hold what the code says."""
    return [
        directory / name
        for name, make in PAGES.items()
        if not (directory / name).is_file()
        or (directory / name).read_text(encoding="utf-8") != make()
    ]


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with ``--check`` compare them; return the exit status."""
    if list(arguments) not in ([], ["--check"]):
        sys.stderr.write("Usage: python docs/generate.py [--check]\n")
        return 2
    wrong = outdated()
    for path in wrong:
        if arguments:
            sys.stderr.write(f"{path.name} is out of date: run python docs/generate.py\n")
        else:
            path.write_text(PAGES[path.name](), encoding="utf-8")
            sys.stdout.write(f"wrote {path.name}\n")
    return 1 if arguments and wrong else 0


def _limits(path: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Return name, value and remark of each constant, by the comment above its group."""
    source = path.read_text(encoding="utf-8")
    titles = {
        number: line.removeprefix("# ")
        for number, line in enumerate(source.splitlines(), 1)
        if line.startswith("# ")
    }
    found: dict[str, list[tuple[str, str, str]]] = {}
    body = ast.parse(source).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name = node.targets[0].id
        above = [number for number in titles if number < node.lineno]
        remark = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            remark = str(following.value.value)
        row = (f"`{name}`", f"{getattr(limits, name):,}", remark)
        found.setdefault(titles[max(above)], []).append(row)
    return found


def _answers(scenario: Scenario) -> str:
    told = {
        Reply.FAULT: "fault",
        Reply.OVERLOAD: "refused for lack of room",
        Reply.SLOW: f"after {scenario.delay.total_seconds():g} s",
    }
    said = [
        f"{what}: {told[reply]}"
        for what, reply in (("aanleveren", scenario.accept), ("status", scenario.status))
        if reply in told
    ]
    return "; ".join(said) or "normal"


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(digipoort_wus_command)
    for name in digipoort_wus_command.list_commands(context):
        command = digipoort_wus_command.get_command(context, name)
        if isinstance(command, click.Group):
            for sub, child in command.commands.items():
                yield f"{name} {sub}", child
        elif command is not None:
            yield name, command


def _command_section(name: str, command: click.Command) -> str:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option)]
    words = [name, *("[OPTIONS]" if options else "",), *map(_argument, arguments)]
    usage = " ".join(["digipoort-wus", *filter(None, words)])
    text = f"## {name}\n\n    {usage}\n\n{_paragraphs(command.help or '')}\n"
    if options:
        rows = ((_spelling(p), cell(p.help or ""), _default(p)) for p in options)
        text += f"\n{table(('option', 'meaning', 'default'), rows)}"
    if command.epilog:
        lines = command.epilog.replace("\b", "").strip("\n").splitlines()
        text += "\n" + "\n".join(f"    {line}".rstrip() for line in lines) + "\n"
    return text


def _exit_codes() -> str:
    rows = table(("status", "meaning"), _EXIT_CODES.items())
    return f"{rows}\n`submit`, `status` and `fetch` tell more apart; see there."


def _paragraphs(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _argument(argument: click.Argument) -> str:
    return argument.metavar or (argument.name or "").upper()


def _spelling(option: click.Option) -> str:
    written = ", ".join(option.opts)
    if option.is_flag:
        return f"`{written}`"
    if isinstance(option.type, click.Choice):
        return f"`{written} {'|'.join(map(str, option.type.choices))}`"
    kinds = {
        "directory": "DIRECTORY",
        "file": "FILE",
        "integer range": "NUMBER",
        "integer": "NUMBER",
    }
    kinds |= {"float range": "SECONDS", "text": "TEXT"}
    return f"`{written} {option.metavar or kinds[option.type.name]}`"


def _default(option: click.Option) -> str:
    return f"`{option.default}`" if option.show_default else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
