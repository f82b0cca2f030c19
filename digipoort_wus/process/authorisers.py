"""Which authorisation service is asked for a filing: the one that its sender names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from digipoort_wus.filing.filing import Filing
from digipoort_wus.names import NO_AUTHORISATION_SERVICE
from digipoort_wus.process.steps import Authoriser


@dataclass(frozen=True, slots=True)
class AuthoriserByAddress:
    """Asks whom the ``autorisatieAdres`` of a filing names, and nobody where it names none.

    How such a service is asked over a network is not public, so each is a program of whoever
    embeds the gateway. An address gets this far only when it stands in the configuration.

    Args:
        services: by address, exactly as it stands in the configuration.
    """

    services: Mapping[str, Authoriser]

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        """Return what the service says; 230 when nobody answers to an address.

        Raises:
            Exception: whatever the service raises; to the process that is a failure as 230 is.
        """
        address = filing.delivery.autorisatie_adres
        if not address or address.removesuffix("/") == NO_AUTHORISATION_SERVICE:
            return "200"
        service = self.services.get(address)
        return "230" if service is None else service.ask(filing)
