"""Lets the gateway that runs carry out an order about ebMS, or does so on its store."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from digipoort_wus.cli.stored import changing
from digipoort_wus.errors import ConfigurationError

if TYPE_CHECKING:
    from digipoort_wus.config import Config


def carry_out(config: "Config", name: str, told: Mapping[str, object]) -> object:
    """Carry out an order of :mod:`digipoort_wus.ebms_orders`, and return what came of it.

    Args:
        config: of the gateway.
        name: of the order.
        told: what it is about.

    Raises:
        DigipoortError: it was not done.
    """
    from digipoort_wus.server.control import LINE_MAX, ask

    text = json.dumps(told)
    if not config.store_url and config.data_dir.is_dir():
        if len(json.dumps(text)) > LINE_MAX - 1_000:
            raise ConfigurationError(
                "This is too long for the socket of the gateway: make it smaller."
            )
        done = ask(config.data_dir, name, reason=text)
        if done is not None:
            return json.loads(done)
    return _on_store(config, name, text)


def _on_store(config: "Config", name: str, text: str) -> object:
    """Do it here; what is kept is sent by the gateway when it runs."""
    from digipoort_wus.clock import system_clock
    from digipoort_wus.corresponding import Corresponding
    from digipoort_wus.materials import reload_materials
    from digipoort_wus.server.metrics import Metrics
    from digipoort_wus.server.trust import CurrentTrust

    if config.ebms is None:
        raise ConfigurationError(
            "There is no [ebms] in the configuration: name that with --config, or add the table."
        )
    trust = CurrentTrust(reload_materials(config, system_clock))
    with changing(config) as store:
        corresponding = Corresponding(config, store, trust, system_clock, Metrics())
        try:
            return json.loads(corresponding.orders.tasks[name](text))
        finally:
            corresponding.stop()
