"""What ``config check`` looks at of the rules: the engine, and the sets that it would load."""

from digipoort_wus.process.validators import RulesRow
from digipoort_wus.rules.engine import SHIPPED, Engine
from digipoort_wus.validating import is_ours


def known_sets(row: RulesRow) -> int | None:
    """Load what a configuration names without starting anything; return how many rule sets.

    None with an engine of somebody else's, which alone knows what it does with directories.

    Raises:
        ConfigurationError: there is no engine of that name, it cannot be imported, or a directory
            or a rule set cannot be used.
    """
    if not is_ours(row):
        return None
    return len(Engine.of((SHIPPED, *row.sets), added=row.added).catalogue.sets)
