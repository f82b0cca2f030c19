"""A gateway inside a test, a clock that can be turned, a proxy that alters (public API).

    from digipoort_wus.testing import sandbox_gateway

    with sandbox_gateway() as digipoort:
        ...

In pytest the fixture ``digipoort`` is the same.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digipoort_wus.testing.clock import TurnableClock as TurnableClock
    from digipoort_wus.testing.proxy import AlteringProxy as AlteringProxy
    from digipoort_wus.testing.sandbox import SandboxGateway as SandboxGateway
    from digipoort_wus.testing.sandbox import sandbox_gateway as sandbox_gateway

_HOMES = {
    "AlteringProxy": "proxy",
    "SandboxGateway": "sandbox",
    "TurnableClock": "clock",
    "sandbox_gateway": "sandbox",
}
__all__ = ["AlteringProxy", "SandboxGateway", "TurnableClock", "sandbox_gateway"]


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: the plug-in must cost nothing at start."""
    if name in _HOMES:
        return getattr(import_module(f"digipoort_wus.testing.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
