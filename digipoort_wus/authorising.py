"""Makes the authorisation services that a configuration names."""

from importlib import import_module

from digipoort_wus.config import Config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.process.authorisers import AuthoriserByAddress, AuthoriserRow, RefuseListed
from digipoort_wus.process.steps import AllowAll, Authoriser


def authoriser_of(config: Config, given: Authoriser | None = None) -> Authoriser:
    """Return who is asked for each ``autorisatieAdres``; programs are imported here.

    In a sandbox a registered address without a row allows everybody.

    Args:
        config: with its rows.
        given: who is asked instead, whatever the address.

    Raises:
        ConfigurationError: a program cannot be imported or made, nobody answers to an
            address in production, or there are rows that would never be asked.
    """
    if given is not None:
        if config.authorisers:
            raise ConfigurationError(
                "The program brings an authoriser of its own, so no [[authoriser]] would be "
                "asked: remove them, and name the addresses in process.autorisatie_adressen."
            )
        return given
    services = {row.address: _service(row) for row in config.authorisers}
    for address in sorted(config.autorisatie_adressen - services.keys()):
        if config.mode == "production":
            raise ConfigurationError(
                f"process.autorisatie_adressen has {address!r}, and nobody answers for it: "
                "say who in an [[authoriser]], or remove it."
            )
        services[address] = AllowAll()
    return AuthoriserByAddress(services)


def _service(row: AuthoriserRow) -> Authoriser:
    if row.kind == "allow":
        return AllowAll()
    if row.kind == "refuse":
        return RefuseListed(row.oins, row.berichtsoorten)
    module, _, name = row.factory.partition(":")
    try:
        service: Authoriser = getattr(import_module(module), name)(row.address)
    # Whatever another's program raises, the operator is told which it was, and not how it looks.
    except Exception as error:
        raise ConfigurationError(
            f"authoriser {row.address}: {row.factory} cannot be made: {type(error).__name__}. "
            "It is a function of an installed module that takes the address."
        ) from error
    if not callable(getattr(service, "ask", None)):
        raise ConfigurationError(
            f"authoriser {row.address}: what {row.factory} returned has no method ask(filing)."
        )
    return service
