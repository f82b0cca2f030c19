"""The OpenAPI document: what is served, what is in the reference, and what is judged are one."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from digipoort_wus.errors import Refusal
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server import backend_checks
from digipoort_wus.server.backend_openapi import checks_of, description
from digipoort_wus.server.backend_shapes import (
    Listed,
    Mapped,
    Named,
    Record,
    Shape,
    Text,
    Truth,
    Whole,
    require,
    schema_of,
)
from digipoort_wus.server.backend_table import OPERATIONS
from digipoort_wus.server.backend_work import BackendDesk
from tests.unit.server.backend_desk import desks

TREE = Path(__file__).parents[3]


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_each_operation_is_carried_out_and_no_other(g1: TestPki, tmp_path: Path) -> None:
    with desks(g1, tmp_path) as (desk, _):
        work: BackendDesk = desk.resource._door.desk
        assert set(work.operations) == {each.name for each in OPERATIONS}
        assert desk.ask("GET", "/v1/openapi.json").told == description()


def test_operations_are_told_apart() -> None:
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)
    assert len({(each.method, each.path) for each in OPERATIONS}) == len(OPERATIONS)


def test_whatever_is_named_is_there() -> None:
    whole = description()
    components = cast(Any, whole["components"])
    named = {f"#/components/schemas/{name}" for name in components["schemas"]}
    assert set(references(whole)) == named


def test_parameters_of_the_path_are_described() -> None:
    paths = cast("Mapping[str, Mapping[str, Any]]", description()["paths"])
    for path, methods in paths.items():
        for method in methods.values():
            told = {each["name"] for each in method["parameters"] if each["in"] == "path"}
            assert told == set(re.findall(r"\{(\w+)\}", path))


def test_each_check_is_told_by_some_operation() -> None:
    told = {check for each in OPERATIONS for check in checks_of(each)}
    ids = [check.id for check in backend_checks.ALL]
    # What is no operation has neither path nor method.
    assert told | {"BACKEND-METHOD"} == set(ids)
    assert len(set(ids)) == len(ids)
    constants = {value for name, value in vars(backend_checks).items() if name.isupper()}
    assert constants - {backend_checks.ALL} == set(backend_checks.ALL)


def test_the_reference_has_what_is_served() -> None:
    page = TREE / "docs" / "reference" / "ebms-backend.json"
    assert json.loads(page.read_text()) == description()


SHAPES: list[tuple[Shape, list[object], list[object]]] = [
    (Text(most=2), ["", "ab"], ["abc", 1, None, []]),
    (Text(words=("a", "b"), nullable=True), ["a", None], ["c", ""]),
    (Text(pattern="[a-c]+"), ["abc"], ["", "d", "abcd"]),
    (Whole(least=1, most=3), [1, 3], [0, 4, "1", None, [1]]),
    (Whole(nullable=True), [0, None], [-1]),
    (Truth(), [True, False], [0, "true", None]),
    (Listed(item=Whole(), least=1, most=2), [[1], [1, 2]], [[], [1, 2, 3], ["a"], {}]),
    (Mapped(item=Text(), most=1), [{}, {"x": "y"}], [{"x": 1}, {"x": "", "y": ""}, []]),
    (
        Record(fields={"a": Text(), "b": Whole()}, needed=frozenset({"a"})),
        [{"a": ""}, {"a": "", "b": 1}],
        [{}, {"b": 1}, {"a": "", "c": 1}, {"a": 1}, [], None],
    ),
]


@pytest.mark.parametrize(("shape", "good", "bad"), SHAPES, ids=lambda each: type(each).__name__)
def test_a_shape_is_judged_as_it_is_told(
    shape: Shape, good: list[object], bad: list[object]
) -> None:
    schema = schema_of(shape)
    for value in good:
        require(value, shape)
    for value in bad:
        with pytest.raises(Refusal, match="BACKEND-FORM"):
            require(value, shape)
    judge = jsonschema.Draft202012Validator(schema)
    assert [judge.is_valid(value) for value in good] == [True] * len(good)
    assert [judge.is_valid(value) for value in bad] == [False] * len(bad)


def test_every_schema_is_one() -> None:
    for schema in cast(Any, description()["components"])["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_what_was_wrong_is_never_repeated() -> None:
    shape = Named("X", Record(fields={"a": Text(words=("b",))}))
    for value in ({"a": "999911120"}, {"999911120": 1}, "999911120"):
        with pytest.raises(Refusal) as caught:
            require(value, shape)
        assert "9999" not in str(caught.value)
