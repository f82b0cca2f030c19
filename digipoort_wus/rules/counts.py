"""What the workers of a gateway came to, for its metrics."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Counts:
    """What the workers of one cost came to; counters of one gateway, for its whole life.

    Args:
        judged: filings that a worker answered.
        lost: workers that ended, or had to be ended, when they were asked.
        time_outs: of those, because they took too long.
        started: workers, the first ones included.
        not_started: workers that could not be started.
        recycled: workers that were replaced because they had done enough.
    """

    judged: int = 0
    lost: int = 0
    time_outs: int = 0
    started: int = 0
    not_started: int = 0
    recycled: int = 0

    def figures(self) -> dict[str, int]:
        """Return them by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}
