"""What it costs to try something: octets that could be digested in the time it takes.

Measured, and on the high side for what a stranger may make dear: tags, attributes, and
namespaces in scope, all of which are looked at for each of the former.
"""

PATIENT = 2_000_000_000
"""Cost of what may be tried for one digest on somebody's own machine: a few seconds."""
BRIEF = 3_000_000
"""The same while everybody waits for a fault: less than ten milliseconds."""
_PER_TAG, _PER_ATTRIBUTE, _PER_PREFIX = 1_000, 500, 12


def cost_of(octets: bytes, declared: int) -> int:
    """Return what it costs to write XML once.

    Args:
        octets: what is written.
        declared: namespaces that may be in scope there, all of which are looked at.
    """
    tags, attributes = octets.count(b"<"), octets.count(b'="')
    prefixes = _PER_PREFIX * declared * (tags + attributes)
    return len(octets) + _PER_TAG * tags + _PER_ATTRIBUTE * attributes + prefixes


def declarations_in(octets: bytes) -> int:
    """Return at most how many namespaces are in scope anywhere in a message."""
    return octets.count(b" xmlns")
