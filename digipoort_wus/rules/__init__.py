"""The pluggable rule engine package: knows filings and findings, nothing of SOAP.

    from digipoort_wus.rules import Engine

    checked = Engine.shipped().check_file(path, berichtsoort="Omzetbelasting")

It needs nothing of the gateway. The names below are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digipoort_wus.rules.api import Came as Came
    from digipoort_wus.rules.api import Outcome as Outcome
    from digipoort_wus.rules.api import Ran as Ran
    from digipoort_wus.rules.api import Report as Report
    from digipoort_wus.rules.api import RuleEngine as RuleEngine
    from digipoort_wus.rules.api import Stage as Stage
    from digipoort_wus.rules.engine import SHIPPED as SHIPPED
    from digipoort_wus.rules.engine import Checked as Checked
    from digipoort_wus.rules.engine import Engine as Engine

_HOMES = {
    "api": ("Came", "Outcome", "Ran", "Report", "RuleEngine", "Stage"),
    "engine": ("SHIPPED", "Checked", "Engine"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    """Import a public name from where it lives."""
    if name in _HOME_OF:
        value = getattr(import_module(f"digipoort_wus.rules.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
