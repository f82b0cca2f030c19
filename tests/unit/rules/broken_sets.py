"""Mistakes in what a set says of itself, and of codes and artefacts.

By name: what is replaced in the set of :mod:`tests.unit.rules.writing`, by what, and what is said
behind the name of the file.
"""

from tests.unit.rules.writing import CODE_IS, SHA

HASH = f'sha256 = "{SHA}"'
BROKEN_SETS: dict[str, tuple[str, str, str]] = {
    "no id": ('id = "nl.example"\n', "", "id: it is missing: it must be a text that is not empty."),
    "empty id": (
        'id = "nl.example"',
        'id = " "',
        "id: it must be a text that is not empty.",
    ),
    "id in capitals": (
        'id = "nl.example"',
        'id = "NL.Example"',
        "id: 'NL.Example' is not a name such as nl.bd.omzetbelasting.",
    ),
    "id that is a path": (
        'id = "nl.example"',
        'id = "../../etc"',
        "id: '../../etc' is not a name such as nl.bd.omzetbelasting.",
    ),
    "version that is a number": (
        'version = "2026.1"',
        "version = 2026.1",
        "version: it must be a text that is not empty.",
    ),
    "version with an at sign": (
        'version = "2026.1"',
        'version = "a@b"',
        "version: 'a@b' is not a version such as 2026.1.",
    ),
    "no title in English": (
        'title.en = "Example"\n',
        "",
        "title.en: it is missing: it must be a text that is not empty.",
    ),
    "title in a third language": (
        'title.en = "Example"',
        'title.en = "Example"\ntitle.fy = "Foarbyld"',
        "title.fy: this key is not known; known here: nl, en.",
    ),
    "title that is a text": (
        'title.nl = "Voorbeeld"\ntitle.en = "Example"',
        'title = "Voorbeeld"',
        "title: it must be a table.",
    ),
    "no berichtsoorten": (
        'berichtsoorten = ["Omzetbelasting"]\n',
        "",
        "berichtsoorten: it is missing: name them, or write [] when only other sets need it.",
    ),
    "berichtsoorten that is a text": (
        'berichtsoorten = ["Omzetbelasting"]',
        'berichtsoorten = "Omzetbelasting"',
        "berichtsoorten: it must be a list of names of berichtsoorten.",
    ),
    "berichtsoort with a space behind it": (
        '"Omzetbelasting"',
        '"Omzetbelasting "',
        "berichtsoorten: it must be a list of names of berichtsoorten.",
    ),
    "berichtsoort that is a number": (
        '"Omzetbelasting"',
        "7",
        "berichtsoorten: it must be a list of names of berichtsoorten.",
    ),
    "berichtsoort twice": (
        '"Omzetbelasting"',
        '"ICP", "ICP"',
        "berichtsoorten: 'ICP' stands there twice: leave one out.",
    ),
    "everything and one": (
        '"Omzetbelasting"',
        '"*", "ICP"',
        'berichtsoorten: "*" stands alone: it is what no other set names.',
    ),
    "no first day": (
        "valid_from = 2026-01-01\n",
        "",
        "valid_from: it is missing: it must be a day such as 2026-01-01, without quotes.",
    ),
    "first day in quotes": (
        "valid_from = 2026-01-01",
        'valid_from = "2026-01-01"',
        "valid_from: it must be a day such as 2026-01-01, without quotes.",
    ),
    "first day with a time": (
        "valid_from = 2026-01-01",
        "valid_from = 2026-01-01T00:00:00Z",
        "valid_from: it must be a day such as 2026-01-01, without a time.",
    ),
    "last day before the first": (
        "valid_until = 2026-12-31",
        "valid_until = 2025-12-31",
        "valid_until: it must not be before valid_from, 2026-01-01.",
    ),
    "last day in quotes": (
        "valid_until = 2026-12-31",
        'valid_until = "never"',
        "valid_until: it must be a day such as 2026-01-01, without quotes.",
    ),
    "required without a version": (
        '\n[[layer]]\nid = "first"',
        'requires = ["nl.base"]\n[[layer]]\nid = "first"',
        "requires: 'nl.base' is not a name and a version, as nl.base@1 is.",
    ),
    "requires itself": (
        '\n[[layer]]\nid = "first"',
        'requires = ["nl.example@2026.1"]\n[[layer]]\nid = "first"',
        "requires: nl.example@2026.1 is this set itself: leave it out.",
    ),
    "required twice": (
        '\n[[layer]]\nid = "first"',
        'requires = ["nl.base@1", "nl.base@1"]\n[[layer]]\nid = "first"',
        "requires: 'nl.base@1' stands there twice: leave one out.",
    ),
    "unknown key": (
        'version = "2026.1"',
        'version = "2026.1"\nvalid_til = 2026-12-31',
        "valid_til: this key is not known; known here: id, version, title, berichtsoorten, "
        "valid_from, valid_until, applies, requires, artefacts, override, disable, layer.",
    ),
    "applies to nothing in particular": (
        "[disable]",
        "[applies]\n[disable]",
        "applies: name root or schema_refs in it, or leave it out.",
    ),
    "applies with another key": (
        "[disable]",
        '[applies]\nroots = ["a"]\n[disable]',
        "applies.roots: this key is not known; known here: root, schema_refs.",
    ),
    "root with a prefix": (
        "[disable]",
        '[applies]\nroot = ["ubl:Invoice"]\n[disable]',
        "applies.root: 'ubl:Invoice' is no name such as {http://example.org}Invoice.",
    ),
    "root that is no list": (
        "[disable]",
        '[applies]\nroot = "Invoice"\n[disable]',
        "applies.root: it must be a list of names such as {http://example.org}Invoice.",
    ),
    "entry point that is no URL": (
        "[disable]",
        '[applies]\nschema_refs = ["aangifte.xsd"]\n[disable]',
        "applies.schema_refs: 'aangifte.xsd' is no URL of an entry point.",
    ),
    "artefact above the set": (
        '[artefacts."small.xsd"]',
        '[artefacts."../small.xsd"]',
        'artefacts."../small.xsd": it must be a plain file name, or one in a directory below '
        "the set.",
    ),
    "artefact with a path of its own": (
        '[artefacts."small.xsd"]',
        '[artefacts."/etc/passwd"]',
        'artefacts."/etc/passwd": it must be a plain file name, or one in a directory below '
        "the set.",
    ),
    "artefact that is a text": (
        f'[artefacts."small.xsd"]\n{HASH}',
        f'[artefacts]\n"small.xsd" = "{SHA}"',
        'artefacts."small.xsd": it must be a table.',
    ),
    "artefact without a digest": (
        HASH,
        "",
        'artefacts."small.xsd".sha256: it is missing: it must be a text that is not empty.',
    ),
    "artefact with a short digest": (
        HASH,
        'sha256 = "1121"',
        "artefacts.\"small.xsd\".sha256: '1121' is not a SHA-256: 64 digits and letters a to f.",
    ),
    "artefact that is not there": (
        '[artefacts."small.xsd"]',
        '[artefacts."large.xsd"]',
        'artefacts."large.xsd": {directory}/large.xsd is not there: put it back, or leave it out '
        "of the set.",
    ),
    "artefact that was changed": (
        HASH,
        f'sha256 = "{"0" * 64}"',
        f'artefacts."small.xsd".sha256: {{directory}}/small.xsd has {SHA}: put back the file that '
        "the set was made for, or make a new version of the set.",
    ),
    "artefact of somebody": (
        HASH,
        f'{HASH}\nsupplied_by = "somebody"',
        "artefacts.\"small.xsd\".supplied_by: 'somebody' is none of operator.",
    ),
    "artefact of the operator from nowhere": (
        HASH,
        f'{HASH}\nsupplied_by = "operator"',
        'artefacts."small.xsd".source: it is missing: say where the operator gets the file.',
    ),
    "optional artefact that is shipped": (
        HASH,
        f"{HASH}\noptional = true",
        'artefacts."small.xsd".optional: it goes with supplied_by = "operator"; leave it out.',
    ),
    "unknown key of an artefact": (
        HASH,
        f'{HASH}\nurl = "http://example.org"',
        'artefacts."small.xsd".url: this key is not known; known here: sha256, supplied_by, '
        "source, optional.",
    ),
    "override without a reason": (
        'reason = "agreed with the agency"\n',
        "",
        "override.EX-2A.reason: it is missing: it must be a text that is not empty.",
    ),
    "override without a severity": (
        'severity = "info"\n',
        "",
        "override.EX-2A.severity: it is missing: it must be a text that is not empty.",
    ),
    "override with another text": (
        'severity = "info"',
        'severity = "info"\nmessage = "Nee."',
        "override.EX-2A.message: this key is not known; known here: severity, reason.",
    ),
    "override of no code": (
        '[override."EX-2A"]',
        '[override."EX 2A"]',
        f"override.\"EX 2A\": 'EX 2A' is not {CODE_IS}.",
    ),
    "override that is a text": (
        '[override."EX-2A"]\nseverity = "info"\nreason = "agreed with the agency"',
        '[override]\n"EX-2A" = "info"',
        "override.EX-2A: it must be a table.",
    ),
    "disabled without a reason": (
        '"EX-2B" = "the agency has withdrawn it"',
        '"EX-2B" = ""',
        "disable.EX-2B: it must be a text that is not empty.",
    ),
    "disabled as a list": (
        '[disable]\n"EX-2B" = "the agency has withdrawn it"',
        "[disable]\nEX-2B = true",
        "disable.EX-2B: it must be a text that is not empty.",
    ),
    "disabled no code": (
        '"EX-2B" =',
        '"EX 2B" =',
        f"disable.\"EX 2B\": 'EX 2B' is not {CODE_IS}.",
    ),
    "overridden and disabled": (
        '"EX-2B" =',
        '"EX-2A" =',
        "disable.EX-2A: [override] has it too: leave one of the two out.",
    ),
}
