"""Bytes from outside: what becomes a tree, and what is refused with which check."""

from collections.abc import Callable

import pytest
from lxml import etree

from digipoort_wus import limits
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.apart import is_apart
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.lookover import look_over
from digipoort_wus.xmlsafe.parse import parse_document, parse_message

REFUSED = {
    "empty": (b"", "XML-WELL-FORMED"),
    "no xml": (b"hello", "XML-WELL-FORMED"),
    "cut off": (b"<a><b></a>", "XML-WELL-FORMED"),
    "two roots": (b"<a/><a/>", "XML-WELL-FORMED"),
    "nul": (b"<a>\0</a>", "XML-WELL-FORMED"),
    "undeclared prefix": (b"<x:a/>", "XML-WELL-FORMED"),
    "undeclared entity": (b"<a>&x;</a>", "XML-WELL-FORMED"),
    "doctype": (b"<!DOCTYPE a><a/>", "XML-DOCTYPE"),
    "internal entity": (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "XML-DOCTYPE"),
    "external entity": (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "XML-DOCTYPE"),
    "doctype in utf-16": ("<!DOCTYPE a><a/>".encode("utf-16"), "XML-ENCODING"),
    "utf-16 without bom": ("<a/>".encode("utf-16-le"), "XML-ENCODING"),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbf<a/>", "XML-ENCODING"),
    "xml 1.1": (b"<?xml version='1.1'?><a/>", "XML-WELL-FORMED"),
    "latin-1 declared": (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "XML-ENCODING"),
    "utf-7 declared": (b"<?xml version='1.0' encoding = 'UTF-7'?><a/>", "XML-ENCODING"),
    "not utf-8": (b"<a>\xe9</a>", "XML-ENCODING"),
    "overlong utf-8": (b"<a>\xc0\xbc</a>", "XML-ENCODING"),
    "instruction before": (b"<?x y?><a/>", "XML-INSTRUCTION"),
    "instruction like a declaration": (b"<?xml-stylesheet y?><a/>", "XML-INSTRUCTION"),
    "instruction inside": (b"<a><?x y?></a>", "XML-INSTRUCTION"),
    "instruction behind": (b"<a/><?x y?>", "XML-INSTRUCTION"),
    "comment before": (b"<!-- --><a/>", "XML-COMMENT"),
    "comment inside": (b"<a>1<!-- -->2</a>", "XML-COMMENT"),
    "comment behind": (b"<a/><!-- -->", "XML-COMMENT"),
    "deep": (b"<a>" * 65 + b"</a>" * 65, "XML-LIMIT"),
    "many elements": (b"<a>" + b"<b/>" * 5_001 + b"</a>", "XML-LIMIT"),
    "very many tags": (b"<a>" + b"<b/>" * 10_001 + b"</a>", "XML-LIMIT"),
    "many attributes": (
        b"<a " + b" ".join(b'a%d="1"' % n for n in range(65)) + b"/>",
        "XML-LIMIT",
    ),
    "long name": (b"<%b/>" % (b"a" * 257), "XML-LIMIT"),
    "long attribute": (b'<a b="%b"/>' % (b"x" * 65_537), "XML-LIMIT"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    data, check = REFUSED[name]
    with pytest.raises(Refusal) as caught:
        parse_message(data)
    assert caught.value.check.id == check


@pytest.mark.parametrize(
    "data",
    [
        b"<a/>",
        b"\xef\xbb\xbf<a/>",
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><a/>',
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<a/>\r\n',
        "<a>é€😀</a>".encode(),
        b"<a><![CDATA[<b>]]></a>",
        b"<a>" * 64 + b"</a>" * 64,
    ],
)
def test_accepted(data: bytes) -> None:
    assert etree.QName(parse_message(data)).localname == "a"


def test_a_text_of_twenty_mebibytes_is_accepted() -> None:
    text = b"A" * (limits.INHOUD_MAX_BYTES // 3 * 4)
    assert len(parse_message(b"<inhoud>%b</inhoud>" % text).text or "") == len(text)


def test_a_refusal_does_not_quote_the_document() -> None:
    with pytest.raises(Refusal) as caught:
        parse_message(b"<secret-bsn-123456782><b></secret-bsn-123456782>")
    assert "123456782" not in str(caught.value)


def test_documents_may_be_of_any_encoding_and_hold_comments() -> None:
    assert parse_document("<?xml version='1.0' encoding='UTF-16'?><a>é</a>".encode("utf-16")).text
    assert parse_document(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>").text == "é"
    assert len(parse_document(b"<?x y?><a><!-- c --></a>")) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_documents_may_have_no_doctype(encoding: str) -> None:
    bomb = f"<?xml version='1.0' encoding='{encoding}'?>" + (
        '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;&x;&x;&x;">]><a>&z;</a>'
    )
    with pytest.raises(Refusal) as caught:
        parse_document(bomb.encode(encoding))
    assert caught.value.check.id == "XML-DOCTYPE"


def test_relative_namespaces_cannot_be_canonicalised() -> None:
    root = parse_message(b'<a xmlns="1"/>')
    with pytest.raises(Refusal) as caught:
        canonicalize(root)
    assert caught.value.check.id == "XML-CANONICAL"


def test_inclusive_prefixes_are_rendered_where_they_are_in_scope() -> None:
    root = parse_message(b'<p:a xmlns:p="u:p" xmlns:q="u:q" xmlns="u:d"><p:b/></p:a>')
    assert canonicalize(root[0]) == b'<p:b xmlns:p="u:p"></p:b>'
    assert canonicalize(root[0], ["q"]) == b'<p:b xmlns:p="u:p" xmlns:q="u:q"></p:b>'
    assert canonicalize(root[0], ["#default"]) == b'<p:b xmlns="u:d" xmlns:p="u:p"></p:b>'


@pytest.mark.parametrize(
    "data",
    [
        b"<a " + b" ".join(b'xmlns:n%d="u"' % n for n in range(50_000)) + b"/>",
        b"<a " + b" ".join(b'a%d="1"' % n for n in range(100_000)) + b"/>",
        b"<a " + b" ".join(b"a%d='1'" % n for n in range(100_000)) + b"/>",
    ],
    ids=["declarations", "attributes", "attributes in single quotes"],
)
def test_costly_input_is_refused_before_the_parse(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parse_message(data)
    assert caught.value.check.id == "XML-LIMIT"


LONG = b"A" * 70_000
LONG_REFUSED = {
    "a text that is no content": b"<a>%b</a>" % LONG,
    "white space between elements": b"<a>%b<b/></a>" % (b" " * 70_000),
    "white space behind the root": b"<a/>" + b"\n" * 70_000,
    "a text behind contents": b"<a><inhoud>A</inhoud>%b</a>" % LONG,
    "a text in CDATA": b"<a><![CDATA[%b]]></a>" % LONG,
    "a text behind empty contents": b"<a><inhoud/>%b</a>" % LONG,
    "CDATA after another child": b"<a><inhoud/><![CDATA[%b]]></a>" % LONG,
    "a value": b'<a b="%b"/>' % LONG,
    "a namespace": b'<a xmlns="%b"/>' % LONG,
    "a name": b"<%b/>" % LONG,
    "a name like contents": b"<inhoud%b/>" % LONG,
    "a prefix": b'<%b:inhoud xmlns:x="x"/>' % LONG,
    "a name of an attribute": b'<a %b="1"/>' % LONG,
    "an instruction": b"<?x %b?><a/>" % LONG,
    "a declaration": b'<?xml version="1.0"%b?><a/>' % (b" " * 70_000),
    "a comment": b"<a><!-- %b --></a>" % LONG,
    "a tag that hides its end in a value": b"<a b='>'>%b</a>" % LONG,
    "contents of references": b"<inhoud>%b</inhoud>" % (b"&#65;" * 14_000),
    "contents of carriage returns": b"<inhoud>%b</inhoud>" % (b"\r" * 70_000),
    "contents of signs that are escaped": b"<inhoud>%b</inhoud>" % (b">" * 70_000),
    "contents of brackets": b"<inhoud>%b</inhoud>" % (b"]" * 70_000),
    "contents of other letters": "<inhoud>{}</inhoud>".format("é" * 70_000).encode(),
    "other letters in CDATA": "<inhoud><![CDATA[{}]]></inhoud>".format("é" * 70_000).encode(),
    "sixty tags that are just not too long": b"<a>" + b"<%b/>" % (b"b" * 65_000) * 70 + b"</a>",
}


@pytest.mark.parametrize("name", LONG_REFUSED)
def test_only_contents_may_be_long(name: str) -> None:
    """Each would cost tens of milliseconds if it were 28 MB, before anybody is known."""
    with pytest.raises(Refusal) as caught:
        parse_message(LONG_REFUSED[name])
    contents = name.startswith(("contents of", "other letters"))
    assert caught.value.check.id == ("XSD-BASE64" if contents else "XML-LIMIT")
    assert len(str(caught.value)) < 500


LONG_ACCEPTED = {
    "contents": b"<inhoud>%b</inhoud>" % LONG,
    "contents with a prefix": b"<p:inhoud xmlns:p='u' a='>'>%b</p:inhoud>" % LONG,
    "contents of the echo service": b"<data>%b</data>" % LONG,
    "contents in CDATA": b"<inhoud><![CDATA[%b]]></inhoud>" % LONG,
    "contents in lines": b"<inhoud>%b</inhoud>" % ((b"A" * 76 + b"\r\n") * 1_000),
    "ends of lines as references": b"<inhoud>%b</inhoud>" % ((b"A" * 76 + b"&#13;\n") * 1_000),
    "beside other letters": b"<a><b>\xc3\xa9</b><inhoud>%b</inhoud></a>" % LONG,
    "a text that is just not too long": b"<a>%b</a>" % (b"A" * 65_530),
    "fifty contents": b"<a>" + b"<inhoud>%b</inhoud>" % (b"A" * 65_000) * 51 + b"</a>",
}


@pytest.mark.parametrize("name", LONG_ACCEPTED)
def test_contents_may_be_long(name: str) -> None:
    parse_message(LONG_ACCEPTED[name])


def test_a_client_accepts_longer_texts() -> None:
    data = b"<a>%b</a>" % LONG
    assert len(parse_message(data, max_text=100_000).text or "") == len(LONG)


def test_a_client_accepts_longer_answers() -> None:
    data = b"<a>" + b"<b/>" * 20_000 + b"</a>"
    assert len(parse_message(data, max_elements=limits.ANSWER_MAX_ELEMENTS)) == 20_000


def test_comment_like_text_in_cdata_is_text() -> None:
    assert parse_message(b"<a><![CDATA[<!-- <?x?> -->]]></a>").text == "<!-- <?x?> -->"


def several(number: int) -> bytes:
    """Elements with so many attributes together."""
    return b"<b c='' d=''/>" * (number // 2) + b"<b c=''/>" * (number % 2)


def numbered(pattern: bytes, number: int) -> bytes:
    return b" ".join(pattern % n for n in range(number))


BOUNDED: dict[str, tuple[int, Callable[[int], bytes]]] = {
    "attributes on one element": (
        limits.XML_MAX_ATTRIBUTES,
        lambda n: b"<b %b/>" % numbered(b"c%d=''", n),
    ),
    "attributes": (limits.XML_MAX_ALL_ATTRIBUTES, several),
    "declarations": (
        limits.XML_MAX_DECLARATIONS,
        lambda n: b"<b %b/>" % numbered(b"xmlns:n%d='u:u'", n),
    ),
    "a name": (limits.XML_MAX_NAME, lambda n: b"<%b/>" % (b"b" * n)),
    "a name of an attribute": (limits.XML_MAX_NAME, lambda n: b"<b %b=''/>" % (b"c" * n)),
    "a namespace": (limits.XML_MAX_NAME, lambda n: b"<b xmlns='%b'/>" % (b"u" * n)),
}
AROUND = {
    "plain": b"<a>%b</a>",
    "long": b"<a>%b<inhoud>" + b"A" * 70_000 + b"</inhoud></a>",
    "not plain": b"<a>%b<![CDATA[]]></a>",
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", BOUNDED)
def test_what_tags_may_have(name: str, around: str) -> None:
    most, make = BOUNDED[name]
    parse_message(AROUND[around] % make(most))
    with pytest.raises(Refusal) as caught:
        parse_message(AROUND[around] % make(most + 1))
    assert caught.value.check.id == "XML-LIMIT"


def test_elements_are_counted_before_the_parse() -> None:
    most = limits.XML_MAX_ELEMENTS
    parse_message(b"<a>%b</a>" % (b"<b/>" * (most - 1)))
    with pytest.raises(Refusal) as caught:
        look_over(b"<a>%b</a>" % (b"<b/>" * most))
    assert caught.value.check.id == "XML-LIMIT"


@pytest.mark.parametrize("what", [b"<b/>", b"<b c=''/>"], ids=["elements", "attributes"])
def test_many_declarations_are_for_few_elements_and_attributes(what: bytes) -> None:
    declarations = 200
    # One element and its declarations are counted, too.
    users = limits.XML_MAX_LOOKUPS // declarations - declarations - 1
    number = users // (1 + what.count(b"c"))
    start = b"<a %b>" % numbered(b"xmlns:n%d='u:u'", declarations)
    look_over(start + what * number + b"</a>")
    for end in (b"</a>", b"<![CDATA[]]></a>", b"<inhoud>%b</inhoud></a>" % LONG):
        with pytest.raises(Refusal) as caught:
            look_over(start + what * (number + 1) + end)
        assert caught.value.check.id == "XML-LIMIT"
        look_over(start + what * (number // 3) + end)


def test_names_of_a_short_message_are_few() -> None:
    names = limits.XML_MAX_NAMES - 1
    look_over(b"<a>%b</a>" % b"".join(b"<b%d/>" % n for n in range(names)))
    with pytest.raises(Refusal) as caught:
        look_over(b"<a>%b</a>" % b"".join(b"<b%d/>" % n for n in range(names + 1)))
    assert caught.value.check.id == "XML-LIMIT"


def test_octets_are_taken_once() -> None:
    unparsed = look_over(b"<a/>")
    assert unparsed.take() == b"<a/>"
    with pytest.raises(ValueError, match="twice"):
        unparsed.take()


def test_names_of_documents_are_read_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []

    def fromstring(data: bytes, parser: etree.XMLParser) -> etree._Element:
        threads.append(is_apart())
        return etree.XML(data, parser)

    monkeypatch.setattr("digipoort_wus.xmlsafe.parse.etree.fromstring", fromstring)
    assert parse_document(b"<a/>").tag == "a"
    assert threads == [True]


@pytest.mark.parametrize("warning", ["<a xmlns='relative'/>", "<a xml:space='q'/>"])
@pytest.mark.parametrize(
    "mistake", ["<q:x/>", "<x q:y=''/>", "<x xmlns:a='u:' xmlns:b='u:' a:c='' b:c=''/>"]
)
@pytest.mark.parametrize("parse", [parse_document, parse_message])
def test_a_warning_hides_no_mistake(
    parse: Callable[[bytes], object], mistake: str, warning: str
) -> None:
    for inside in (mistake, mistake + warning, warning + mistake, warning + mistake + warning):
        with pytest.raises(Refusal) as caught:
            parse(f"<r>{inside}</r>".encode())
        assert caught.value.check.id == "XML-WELL-FORMED"
    parse(f"<r>{warning}</r>".encode())
