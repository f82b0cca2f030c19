"""``digipoort-wus status``: the statuses of a filing."""

import click

from digipoort_wus.cli.following import follow, raise_bad_end, waiting_options
from digipoort_wus.cli.options import (
    EXIT_CODES,
    connected,
    connection_of,
    connection_options,
    note,
    outcomes,
    print_json,
    status_json,
    status_line,
)
from digipoort_wus.errors import DigipoortError


@click.command(epilog=EXIT_CODES)
@click.argument("kenmerk")
@click.option("--new", "only_new", is_flag=True, help="Only those that --new did not give before.")
@waiting_options
@connection_options
def status(
    kenmerk: str,
    only_new: bool,
    waits: bool,
    timeout: float,
    as_json: bool,
    **options: object,
) -> None:
    """Print the statuses of the filing KENMERK in order of time."""
    if only_new and waits:
        raise click.UsageError("--new and --wait do not go together: waiting asks for all.")
    connection = connection_of(options)
    with outcomes(as_json=as_json):
        from digipoort_wus.process.api import Scope

        late: DigipoortError | None = None
        with connected(connection) as client:
            if waits:
                statuses, late = follow(client, kenmerk, timeout, note if as_json else click.echo)
            else:
                scope = Scope.NEW if only_new else Scope.ALL
                statuses = client.statuses(kenmerk, scope=scope)
        if as_json:
            print_json({"kenmerk": kenmerk, "statuses": status_json(statuses)})
        elif not waits:
            # While waiting each was printed when it came.
            for known in statuses:
                click.echo(status_line(known))
            if not statuses:
                note("No new statuses." if only_new else "No statuses.")
        if late is not None:
            raise late
        raise_bad_end(statuses)
