"""Mistakes in layers and rules, and in kinds of rules that somebody else made.

By name: what is replaced in the set of :mod:`tests.unit.rules.writing`, by what, and what is said
behind the name of the file.
"""

from tests.unit.rules.writing import CODE_IS, KINDS

RULE = "layer[first].rule[EX-1]"
KNOWN_KINDS = ", ".join(sorted(KINDS))
BROKEN_LAYERS: dict[str, tuple[str, str, str]] = {
    "layer that is a table": (
        '[[layer]]\nid = "second"\n[[layer.rule]]',
        '[[layer.rule]]\nuse = "file"\n[[layer.rule]]',
        "layer[first].rule[3].code: it is missing: it must be a text that is not empty.",
    ),
    "layer without id": (
        'id = "second"\n',
        "",
        "layer[2].id: it is missing: it must be a text that is not empty.",
    ),
    "layer with a wrong id": (
        'id = "second"',
        'id = "the second"',
        "layer[2].id: 'the second' is not a name such as identity.",
    ),
    "two layers of one id": (
        'id = "second"',
        'id = "first"',
        "layer[first].id: another layer of this set has it: give each its own.",
    ),
    "unknown stage": (
        'stage = "envelope"',
        'stage = "header"',
        "layer[first].stage: 'header' is none of envelope, content.",
    ),
    "goes_on that is a text": (
        "goes_on = true",
        'goes_on = "yes"',
        "layer[first].goes_on: it must be true or false.",
    ),
    "MIME type with a charset": (
        "goes_on = true",
        'mime_types = ["text/xml; charset=utf-8"]',
        "layer[first].mime_types: 'text/xml; charset=utf-8' is no MIME type such as text/xml: "
        "small letters, no charset.",
    ),
    "MIME type in capitals": (
        "goes_on = true",
        'mime_types = ["text/XML"]',
        "layer[first].mime_types: 'text/XML' is no MIME type such as text/xml: "
        "small letters, no charset.",
    ),
    "MIME type that is no list": (
        "goes_on = true",
        'mime_types = "text/xml"',
        "layer[first].mime_types: it must be a list of MIME types such as text/xml.",
    ),
    "unknown key of a layer": (
        "goes_on = true",
        "stop_on_error = false",
        "layer[first].stop_on_error: this key is not known; known here: id, stage, goes_on, "
        "mime_types, rule.",
    ),
    "layer without rules": (
        '[[layer]]\nid = "second"',
        '[[layer]]\nid = "empty"\n[[layer]]\nid = "second"',
        "layer[empty].rule: layer empty has no rule: write [[layer.rule]], or leave it out.",
    ),
    "rules that are no tables": (
        '[[layer]]\nid = "second"',
        '[[layer]]\nid = "empty"\nrule = ["EX-9"]\n[[layer]]\nid = "second"',
        "layer[empty].rule: it must be a list of tables: write [[rule]].",
    ),
    "rule without a code": (
        'code = "EX-1"\n',
        "",
        "layer[first].rule[1].code: it is missing: it must be a text that is not empty.",
    ),
    "code of 21 characters": (
        'code = "EX-1"',
        'code = "EX-123456789012345678"',
        f"layer[first].rule[EX-123456789012345678].code: 'EX-123456789012345678' is not {CODE_IS}.",
    ),
    "code with a space": (
        'code = "EX-1"',
        'code = "EX 1"',
        f"layer[first].rule[1].code: 'EX 1' is not {CODE_IS}.",
    ),
    "two rules of one code": (
        'code = "EX-3"',
        'code = "EX-1"',
        "layer[second].rule[EX-1].code: another rule of this set has EX-1: give each its own.",
    ),
    "no kind": (
        'use = "always"\n',
        "",
        f"{RULE}.use: it is missing: it must be a text that is not empty.",
    ),
    "unknown kind": (
        'use = "always"',
        'use = "alway"',
        f"{RULE}.use: there is no kind 'alway'; there are {KNOWN_KINDS}.",
    ),
    "no severity": (
        'severity = "error"\n',
        "",
        f"{RULE}.severity: it is missing: it must be a text that is not empty.",
    ),
    "unknown severity": (
        'severity = "error"',
        'severity = "serious"',
        f"{RULE}.severity: 'serious' is none of info, warning, error, fatal.",
    ),
    "empty basis": (
        'basis = "a clause"',
        'basis = ""',
        f"{RULE}.basis: it must be a text that is not empty.",
    ),
    "no text in Dutch": (
        'message.nl = "Altijd {found}."\n',
        "",
        f"{RULE}.message.nl: it is missing: it must be a text that is not empty.",
    ),
    "severity without a text": (
        'options.letters = "AB"',
        'options.letters = "AB"\nseverity = "error"',
        "layer[first].rule[EX-2].message.nl: it is missing: it must be a text that is not empty.",
    ),
    "text with an open brace": (
        "Altijd {found}.",
        "Altijd {found.",
        f"{RULE}.message: write a brace in a message twice: {{{{ or }}}}.",
    ),
    "text that reaches into a value": (
        "Altijd {found}.",
        "Altijd {found.__class__}.",
        f"{RULE}.message: a place in a message is a name in braces, such as {{found}}.",
    ),
    "unknown key of a rule": (
        'basis = "a clause"',
        'test = "a = b"',
        f"{RULE}.test: this key is not known; "
        "known here: code, use, severity, message, basis, options.",
    ),
    "options that are no table": (
        'options.letters = "AB"',
        'options = "AB"',
        "layer[first].rule[EX-2].options: it must be a table.",
    ),
    "option that the kind does not know": (
        'message.en = "Always {found}."',
        'message.en = "Always {found}."\noptions.more = 1',
        f"{RULE}.options: more is no option.",
    ),
    "text that the kind needs": (
        'severity = "error"\nbasis = "a clause"\n'
        'message.nl = "Altijd {found}."\nmessage.en = "Always {found}."\n',
        "",
        f"{RULE}.options: severity and message are needed.",
    ),
    "option that names a file which is not listed": (
        'options.schema = "small.xsd"',
        'options.schema = "other.xsd"',
        "layer[second].rule[EX-3].options: 'other.xsd' is not among the artefacts of the set: "
        "list it in [artefacts].",
    ),
    "kind that raises": (
        'use = "always"',
        'use = "raises"',
        f"{RULE}.use: kind raises raised KeyError, which its maker has to mend.",
    ),
    "kind without memory": (
        'use = "always"',
        'use = "no-memory"',
        f"{RULE}.use: kind no-memory raised MemoryError, which its maker has to mend.",
    ),
    "kind that says what is wrong with it": (
        'use = "always"',
        'use = "raises-ours"',
        f"{RULE}.options: the plug-in lacks a file.",
    ),
    "kind that returns nothing": (
        'use = "always"',
        'use = "nothing"',
        f"{RULE}.use: kind nothing did not return a Compiled, as it must.",
    ),
    "kind without a way": (
        'use = "always"',
        'use = "no-way"',
        f"{RULE}.use: kind no-way did not return a Compiled, as it must.",
    ),
    "kind without codes": (
        'use = "always"',
        'use = "no-codes"',
        f"{RULE}.use: kind no-codes says that the rule gives no code at all.",
    ),
    "kind with a code that is too long": (
        'use = "always"',
        'use = "long-code"',
        f"{RULE}.use: kind long-code may give 'formula:assertionUnsatisfied', which is not "
        f"{CODE_IS}.",
    ),
    "kind with a code that is a number": (
        'use = "always"',
        'use = "no-code"',
        f"{RULE}.use: kind no-code may give 7, which is not {CODE_IS}.",
    ),
    "kind that declares a text": (
        'use = "always"',
        'use = "no-declared"',
        f"{RULE}.use: kind no-declared gives X no severity that is known.",
    ),
    "kind with an unknown severity": (
        'use = "always"',
        'use = "bad-severity"',
        f"{RULE}.use: kind bad-severity gives X no severity that is known.",
    ),
    "kind with a wrong text": (
        'use = "always"',
        'use = "bad-text"',
        f"{RULE}.use: kind bad-text, X: a place in a message is a name in braces, such as "
        "{found}.",
    ),
}
