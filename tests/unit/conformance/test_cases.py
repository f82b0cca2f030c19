"""Case files: what they may say, and the sentence for what they may not."""

from collections import Counter
from pathlib import Path

import pytest

from digipoort_wus.conformance.cases import cases_directory, load_case, load_cases
from digipoort_wus.conformance.recipes import STEPS
from digipoort_wus.errors import ConfigurationError

GOOD = """\
title = "A forged Body."
refs = ["XSW3"]
requirements = ["WB004"]
[[step]]
do = "sign"
[expect]
check = "WSS-CHILDREN"
"""


def written(directory: Path, text: str, name: str = "xsw/case.toml") -> Path:
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_case_is_read_with_its_defaults(tmp_path: Path) -> None:
    case = load_case(written(tmp_path, GOOD))
    assert (case.id, case.family, case.title) == ("case", "xsw", "A forged Body.")
    assert [step.name for step in case.steps] == ["sign"]
    expected = case.expected
    assert (expected.answer, expected.status, expected.code) == ("fault", 500, 110)
    assert case.by_message


def test_a_check_of_http_is_expected_as_its_status(tmp_path: Path) -> None:
    case = load_case(written(tmp_path, GOOD.replace("WSS-CHILDREN", "HTTP-SIZE")))
    assert (case.expected.answer, case.expected.status, case.expected.code) == ("http", 413, 0)


def test_without_a_check_it_must_be_accepted(tmp_path: Path) -> None:
    case = load_case(written(tmp_path, GOOD.partition("[expect]")[0]))
    assert (case.expected.answer, case.expected.status) == ("accepted", 200)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("refs =", "reffs =", "unknown key reffs"),
        ("A forged Body.", "A forged Body", "full stop"),
        ('title = "A forged Body."', "title = 3", "title is a str, not int"),
        ('["XSW3"]', "[3]", "refs is a list of texts"),
        ("WSS-CHILDREN", "WSS-NONSENSE", "no check 'WSS-NONSENSE'"),
        ('check = "WSS-CHILDREN"', 'answer = "fault"', "name the check"),
        ('check = "WSS-CHILDREN"', 'answer = "applause"', "answer is one of"),
        ('check = "WSS-CHILDREN"', 'chek = "WSS-CHILDREN"', "unknown key chek"),
        ('do = "sign"', 'do = "sing"', "no step 'sing'"),
        ('do = "sign"', 'sign = "do"', "a name in `do`"),
        ('do = "sign"', 'do = "sign"\nwhom = "x"', "sign has no 'whom'"),
        ('do = "sign"', 'do = "sign"\nage = "x"', "age of sign is int"),
        ('do = "sign"', 'do = "sign"\nage = true', "age of sign is int"),
        ('do = "sign"', 'do = "sign"\nsuite = "md5"', "suite of sign is one of sha256, sha1"),
        ('do = "sign"', 'do = "remove"', "remove needs at"),
        ("[[step]]", "[tls]\nversion = '0.9'\n[[step]]", "version is one of"),
        ("[[step]]", "[http]\nframing = 'pigeon'\n[[step]]", "framing is one of"),
        ("[[step]]", "[http.headers]\nHost = 1\n[[step]]", "the values of headers are texts"),
        ("refs", "endpoint = 'elsewhere'\nrefs", "endpoint is one of"),
        ("refs", "refs [", "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_a_sentence_that_names_the_file(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as caught:
        load_case(path)
    assert said in str(caught.value)
    assert "case.toml" in str(caught.value)


def test_an_id_occurs_once(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    written(tmp_path, GOOD, "other/case.toml")
    with pytest.raises(ConfigurationError, match=r"case\.toml is in other and in xsw"):
        load_cases(tmp_path)


def test_titles_are_unique() -> None:
    """A report names a case by its title: two of the same cannot be told apart."""
    titles = Counter(case.title for case in load_cases(cases_directory()))
    assert [title for title, times in titles.items() if times > 1] == []


def test_a_directory_without_cases_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no cases"):
        load_cases(tmp_path)


def test_every_step_is_used_and_described() -> None:
    used = {step.name for case in load_cases(cases_directory()) for step in case.steps}
    assert set(STEPS) - used == set()
    assert all(function.__doc__ for function in STEPS.values())
