"""Kinds that look at what a filing says about itself: names, types, sizes, attachments.

``file-name``: options ``pattern`` (the whole name), ``extensions`` (without case), ``longest``.
``mime-type``: option ``allowed`` (without case and parameters).
``size``: options ``least``, ``most``: octets.
These three take ``of``: ``document`` (default), ``attachments`` or ``all``.
``attachments``: options ``least``, ``most``: how many; ``most_octets``: all together.
"""

from collections.abc import Callable, Iterable, Iterator

from digipoort_wus.rules.kinds.options import FunctionKind, Options, the_text
from digipoort_wus.rules.model import Compiled, Hit, Ingredients, Look, OptionError
from digipoort_wus.rules.subject import Enclosure, Subject

_OF = ("document", "attachments", "all")


def bare_type(mime_type: str) -> str:
    """Return a MIME type as it is compared: without parameters and case."""
    return mime_type.partition(";")[0].strip().lower()


def _file_name(ingredients: Ingredients) -> Compiled:
    options = Options(ingredients.options)
    pattern = options.pattern("pattern") if options.has("pattern") else None
    extensions = tuple(
        f".{each.lower().removeprefix('.')}" for each in options.texts("extensions", ())
    )
    longest = options.number("longest", 0)
    if pattern is None and not extensions and not longest:
        raise OptionError("give at least one of pattern, extensions and longest")

    def judge(enclosure: Enclosure) -> Iterator[Hit]:
        name = enclosure.file_name
        if (
            (longest and len(name) > longest)
            or (extensions and not name.lower().endswith(extensions))
            or (pattern is not None and not pattern.fullmatch(name))
        ):
            allowed = ", ".join(extensions)
            yield Hit(values={"found": name, "allowed": allowed, "most": str(longest)})

    return _each(ingredients, options, judge, ("found", "allowed", "most"))


def _mime_type(ingredients: Ingredients) -> Compiled:
    options = Options(ingredients.options)
    allowed = tuple(bare_type(each) for each in options.texts("allowed"))

    def judge(enclosure: Enclosure) -> Iterator[Hit]:
        if bare_type(enclosure.mime_type) not in allowed:
            yield Hit(values={"found": enclosure.mime_type, "allowed": ", ".join(allowed)})

    return _each(ingredients, options, judge, ("found", "allowed"))


def _size(ingredients: Ingredients) -> Compiled:
    options = Options(ingredients.options)
    least, most = options.number("least", 0), options.number("most", 0)
    if not (least or most):
        raise OptionError("give at least one of least and most")
    if most and least > most:
        raise OptionError("option least is more than option most")

    def judge(enclosure: Enclosure) -> Iterator[Hit]:
        if enclosure.size < least or (most and enclosure.size > most):
            values = {"found": str(enclosure.size), "least": str(least), "most": str(most)}
            yield Hit(values=values)

    return _each(ingredients, options, judge, ("found", "least", "most"))


def _attachments(ingredients: Ingredients) -> Compiled:
    options = Options(ingredients.options)
    least = options.number("least", 0)
    most = options.number("most") if options.has("most") else None
    octets = options.number("most_octets") if options.has("most_octets") else None
    options.done()
    if not least and most is None and octets is None:
        raise OptionError("give at least one of least, most and most_octets")
    if most is not None and least > most:
        raise OptionError("option least is more than option most")

    def look(subject: Subject) -> Iterable[Hit]:
        attachments = subject.envelope.attachments
        number, together = len(attachments), sum(each.size for each in attachments)
        if (
            number < least
            or (most is not None and number > most)
            or (octets is not None and together > octets)
        ):
            yield Hit(
                values={
                    "found": str(number),
                    "least": str(least),
                    "most": "" if most is None else str(most),
                    "octets": str(together),
                    "most_octets": "" if octets is None else str(octets),
                }
            )

    places = ("found", "least", "most", "octets", "most_octets")
    return Compiled(Look(look), {ingredients.code: the_text(ingredients, places)})


def _each(
    ingredients: Ingredients,
    options: Options,
    judge: Callable[[Enclosure], Iterable[Hit]],
    places: tuple[str, ...],
) -> Compiled:
    """Judge the document, its attachments, or both."""
    of = options.choice("of", _OF, "document")
    options.done()

    def look(subject: Subject) -> Iterable[Hit]:
        if of != "attachments":
            yield from judge(subject.envelope.document)
        if of != "document":
            for enclosure in subject.envelope.attachments:
                yield from judge(enclosure)

    return Compiled(Look(look), {ingredients.code: the_text(ingredients, places)})


FILE_NAME = FunctionKind("file-name", _file_name)
MIME_TYPE = FunctionKind("mime-type", _mime_type)
SIZE = FunctionKind("size", _size)
ATTACHMENTS = FunctionKind("attachments", _attachments)
