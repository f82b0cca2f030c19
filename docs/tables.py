"""How the generated pages are written: headings, tables, cells."""

from collections.abc import Iterable, Sequence


def page(title: str, source: str, parts: Iterable[str]) -> str:
    """Return a page that says where it comes from."""
    origin = f"*Made by `docs/generate.py` from {source}.*\n*Do not edit this page.*"
    text = "\n\n".join([f"# {title}", origin, *(part.strip("\n") for part in parts)])
    return text + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, one row a line."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """Return a text as it can stand in a cell."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")
