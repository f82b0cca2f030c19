"""The command line: one group, its commands loaded when they are called.

Importing zeep or Twisted takes a third of a second; ``--help`` should not.
"""

import importlib
import json
import sys
from typing import NoReturn

import click

import digipoort_wus
from digipoort_wus.errors import DigipoortError

# Command -> module in digipoort_wus.cli with a click command of that name, and its short help.
_COMMANDS: dict[str, str] = {
    "demo": "Start a gateway, file a VAT return, follow it, and explain each step.",
    "serve": "Run the gateway (a local sandbox unless configured otherwise).",
    "submit": "File a document and print its kenmerk.",
    "status": "Print the statuses of a filing.",
    "fetch": "Fetch return messages.",
    "explain": "Say why a stored request is refused, or what a certificate is for.",
    "agency": "Run an example agency, which takes filings and reports on them.",
    "pki": "Make test certificates.",
    "conformance": "Attack a gateway and see what it refuses.",
    "config": "Check a configuration file.",
    "rules": "List, explain, try, test and lint the rules that filings are judged by.",
    "cpa": "Make, check, show and compare agreements (CPAs) for ebMS 2.0.",
    "ebms": "Send over ebMS 2.0, and look at messages; play a partner that misbehaves.",
    "filings": "Look at filings, and decide about them.",
    "evidence": "Seal, verify and export what is recorded of filings.",
    "db": "Upgrade, back up, restore and check the store.",
    "purge": "Destroy what is personal of filings whose time is over.",
}


class _LazyCommands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"digipoort_wus.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(digipoort_wus.__version__, prog_name="digipoort-wus")
def digipoort_wus_command() -> None:
    """A Digipoort-compatible gateway for WUS filings, with its client and test certificates."""


def main() -> NoReturn:
    """Run the command line; an error of ours becomes one sentence and exit status 1.

    Wrong use is told on stderr, with --json also as a document on stdout, and is exit status 2.
    """
    try:
        # Outside standalone mode click returns the status of ctx.exit instead of exiting.
        status = digipoort_wus_command(standalone_mode=False)
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and _wants_json(sys.argv[1:]):
            # Of every other mistake the command has printed its document itself.
            said = {"error": "usage", "message": error.format_message()}
            click.echo(json.dumps(said, indent=2, ensure_ascii=False))
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except DigipoortError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        # A full disk, a closed pipe: said plainly, wherever it was.
        where = "" if error.filename is None else f"{error.filename}: "
        click.echo(f"Error: {where}{error.strerror or error}.", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _wants_json(arguments: list[str]) -> bool:
    # By the words alone: what cannot be parsed has no options yet.
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options
