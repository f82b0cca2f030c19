"""The kind ``fr-nl``: the filing rules of SBR, as far as they need no taxonomy.

The option ``part`` of a rule names some of them; each part gives codes of its own:

* ``octets``: FR-NL-1.01, 1.02, 1.04, 1.05, 2.06;
* ``doctype``: FR-NL-1.03;
* ``file-name``: FR-NL-1.06;
* ``instance``: FR-NL-2.03 to 2.05, 2.07, 3.01 to 3.04, 4.01, 4.02, 5.01, 5.03, 5.06, 6.01.

FR-NL-5.08 and 5.11 need the taxonomy; of 5.02, 5.04, 5.05, 5.07 and 5.09 no public text is known.
"""

import re
from collections.abc import Iterator, Mapping

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.rules.kinds import frnl_instance, frnl_octets
from digipoort_wus.rules.kinds.frnl_texts import FILING_RULES
from digipoort_wus.rules.kinds.options import FunctionKind, Options, no_text
from digipoort_wus.rules.model import Compiled, Hit, Ingredients, Listen, Look, Parsing, Read, Way
from digipoort_wus.rules.subject import Subject

_STEM = re.compile(r"[0-9A-Za-z_-]+")


def _compiled(ingredients: Ingredients) -> Compiled:
    no_text(ingredients)
    options = Options(ingredients.options)
    way, codes = _PARTS[options.choice("part", tuple(_PARTS))]
    options.done()
    return Compiled(way, {code: FILING_RULES[code] for code in codes})


def _doctype(refusal: Refusal) -> Iterator[Hit]:
    # Where one may stand, only the parser knows: in a comment the word means nothing.
    if refusal.check is checks.XML_DOCTYPE:
        yield Hit("FR-NL-1.03")


def _file_name(subject: Subject) -> Iterator[Hit]:
    name = subject.envelope.document.file_name
    stem, dot, _ = name.rpartition(".")
    if not _STEM.fullmatch(stem if dot else name):
        yield Hit("FR-NL-1.06")


_PARTS: Mapping[str, tuple[Way, tuple[str, ...]]] = {
    "octets": (Read(frnl_octets.Characters), frnl_octets.CODES),
    "doctype": (Parsing(_doctype), ("FR-NL-1.03",)),
    "file-name": (Look(_file_name), ("FR-NL-1.06",)),
    "instance": (Listen(frnl_instance.Instance), frnl_instance.CODES),
}
FR_NL = FunctionKind("fr-nl", _compiled)
