"""What ``config check`` prints of the rows: who answers, who takes, what goes where, who may."""

from collections.abc import Iterator

from digipoort_wus.cli.toml_lines import HIDDEN, LISTED_AT_MOST, at_most, set_line, toml_of
from digipoort_wus.config import Config
from digipoort_wus.delivery.agencies import AgencyRow
from digipoort_wus.process.authorisation import PartyRow
from digipoort_wus.process.routes import Route


def row_lines(config: Config) -> Iterator[str]:
    """Yield the authorisers, agencies, routes and parties of a configuration as tables of TOML.

    Of very many routes or parties there is no line: their number is told elsewhere.
    """
    yield from _authoriser_lines(config)
    yield from _agency_lines(config)
    yield from _route_lines(config)
    yield from _party_lines(config)


def _authoriser_lines(config: Config) -> Iterator[str]:
    for row in config.authorisers:
        yield ""
        yield "[[authoriser]]"
        yield f"address = {toml_of(row.address)}"
        yield f"kind = {toml_of(row.kind)}"
        for key, values in (("oins", row.oins), ("berichtsoorten", row.berichtsoorten)):
            if values:
                yield f"{key} = {toml_of(at_most(tuple(sorted(values))))}"
        if row.factory:
            yield f"factory = {toml_of(row.factory)}"


def _agency_lines(config: Config) -> Iterator[str]:
    for row in config.agencies:
        yield ""
        yield "[[agency]]"
        for key, value in _agency(row):
            yield f"{key} = {toml_of(value)}"


def _agency(row: AgencyRow) -> Iterator[tuple[str, object]]:
    yield "name", row.name
    yield "oin", row.oin
    if row.ebms is not None:
        yield "cpa", row.ebms.cpa
        yield "ebms_service", row.ebms.service
        yield "ebms_service_type", row.ebms.service_type
        yield "confirm_hours", row.ebms.confirm_hours
    else:
        yield "url", row.url
    if row.ca_file is not None:
        yield "ca", row.ca_file
    if row.signer_oin:
        yield "signer_oin", row.signer_oin
    if row.berichtsoorten:
        yield "berichtsoorten", at_most(row.berichtsoorten)
    if row.ebms is None:
        for key, seconds in (
            ("connect_seconds", row.timeouts.connect),
            ("silence_seconds", row.timeouts.silence),
            ("total_seconds", row.timeouts.total),
        ):
            yield key, int(seconds)
    yield "concurrency", row.concurrency


def _route_lines(config: Config) -> Iterator[str]:
    if len(config.routes) > LISTED_AT_MOST:
        return
    for row in config.routes:
        yield ""
        yield "[[route]]"
        for key, value in _route(row, config.routing[row.berichtsoort]):
            yield f"{key} = {toml_of(value)}"


def _route(row: Route, in_force: Route) -> Iterator[tuple[str, object]]:
    yield "berichtsoort", row.berichtsoort
    if row.about:
        yield "about", row.about
    if row.belanghebbende_types:
        yield "belanghebbende_types", at_most(row.belanghebbende_types)
    if row.ontvanger is not None:
        yield "ontvanger", row.ontvanger.number
    if row.rol_ontvanger is not None:
        yield "rol_ontvanger", row.rol_ontvanger
    yield "agency", in_force.destination


def _party_lines(config: Config) -> Iterator[str]:
    if len(config.parties) > LISTED_AT_MOST:
        return
    for row in config.parties:
        yield ""
        yield "[[party]]"
        for key, value in _party(row):
            line = f"{key} = {toml_of(value)}"
            if row.disabled and key not in ("oin", "name", "disabled", "reason"):
                line = set_line(f"# {line}", "not in force: the party is disabled")
            yield line


def _party(row: PartyRow) -> Iterator[tuple[str, object]]:
    yield "oin", row.oin
    if row.name:
        yield "name", row.name
    yield "operations", sorted(right.value for right in row.rights)
    yield "berichtsoorten", at_most(row.berichtsoorten)
    yield "belanghebbenden", at_most(tuple(map(_without_number, row.belanghebbenden)))
    for key in ("requests_per_minute", "bytes_per_day"):
        limit = getattr(row, key)
        if limit is not None:
            yield key, limit
    if row.disabled:
        yield "disabled", True
        yield "reason", row.disabled


def _without_number(belanghebbende: str) -> str:
    kind, colon, _ = belanghebbende.partition(":")
    return f"{kind}:{HIDDEN}" if colon else kind
