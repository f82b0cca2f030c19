"""Fuzz one target with atheris, for as long as its options say.

    python -m tests.fuzz.run message -max_total_time=3600

atheris is no dependency of the tests: install it beside them. What it finds is written as
``crash-*`` into the folder ``found`` here; mended findings are kept there, and replayed by
``tests/unit/test_fuzz.py``.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["digipoort_wus"]):
    from tests.fuzz.harness import DICTIONARY, TARGETS, seeds

FOUND = Path(__file__).parent / "found"


def main() -> None:
    """Hand the named target to libFuzzer, with the seeds and the dictionary."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"Name a target: {', '.join(TARGETS)}; libFuzzer's options follow it.")
    target, options = sys.argv[1], sys.argv[2:]
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{target}-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    dictionary = folder / "dictionary"
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in DICTIONARY))
    FOUND.mkdir(exist_ok=True)
    arguments = [
        sys.argv[0],
        f"-dict={dictionary}",
        f"-artifact_prefix={FOUND}/{target}-",
        "-max_len=16384",
        "-timeout=10",
        *options,
        str(corpus),
    ]
    atheris.Setup(arguments, TARGETS[target])
    atheris.Fuzz()


def _escaped(word: str) -> str:
    return "".join(
        char if char.isalnum() or char in " :=/.#<>!-&;[]?" else f"\\x{ord(char):02x}"
        for char in word
    )


if __name__ == "__main__":
    main()
