"""What the annotations of a verb's parameters mean to a person who writes YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest

from resilience.kube.selectors import Selector
from resilience.language import Loaded, load
from resilience.language.compiled import record_of, shape_of
from resilience.model.scenario import Step
from resilience.model.values import Duration, Share, Size
from resilience.model.verb import Family, Phase, parameter
from tests.language.toys import VERBS, Toys, verb


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    size: Size = parameter("How big.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    share: Share = parameter("Which part.")
    name: str = parameter("Who.", default="x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    text: str = parameter("Text.", default="")
    word_or_number: str | int = parameter("Either.", default=0)
    flag: bool = parameter("Truth.", default=False)
    ratio: float = parameter("A number.", default=0.0)
    maybe: int | None = parameter("A number or nothing.", default=3)
    colour: Colour = parameter("A colour.", default=Colour.RED)
    mode: Literal["on", 2] = parameter("A mode.", default="on")
    many: tuple[Duration, ...] = parameter("Times.", default=(), at_most=2)
    labels: Mapping[str, str] = parameter("Labels.", default_factory=dict)
    inner: Inner | Other | None = parameter("One of two.", default=None)
    which: Literal["all"] | Selector | None = parameter("Which.", default=None)
    files: Path | tuple[Path, ...] | None = parameter("Files.", default=None)
    from_: str = parameter("A word of Python's.", default="", key="from")
    few: int = parameter("Few.", default=1, at_least=1, at_most=5)


TOYS = Toys({**VERBS, "every": verb("every", Family.CHECK, frozenset(Phase), Everything)})


def read(value: str, folder: Path = Path()) -> Loaded:
    text = f"scenario: x\nnamespace: shop\nwhen:\n  - every: {value}\nthen:\n  - ready: all\n"
    return load(folder / "a.scenario.yaml", text.encode(), TOYS, {"THREE": "3", "NOTHING": ""})


def made(value: str, folder: Path = Path()) -> Everything:
    loaded = read(value, folder)
    assert [str(problem) for problem in loaded.problems] == []
    parameters = loaded.scenarios[0].when[0].parameters
    assert isinstance(parameters, Everything)
    return parameters


def told(value: str) -> str:
    (problem,) = read(value).problems
    return f"{problem.message}; {problem.expected}"


@pytest.mark.parametrize(
    ("value", "field", "meant"),
    [
        ("{text: NO}", "text", "NO"),
        ("{text: 12:30:00}", "text", "12:30:00"),
        ("{text: 1e3}", "text", "1e3"),
        ("{text: 2026-01-02}", "text", "2026-01-02"),
        ("{text: ''}", "text", ""),
        ("{text: 'null'}", "text", "null"),
        ("{text: '${THREE}+${FOUR:-4}'}", "text", "3+4"),
        ("{text: '$${THREE}'}", "text", "${THREE}"),
        ("{text: '${namespace}'}", "text", "shop"),
        ("{text: '${NOTHING:-x}'}", "text", "x"),
        ("{text: '${NOTHING:-}'}", "text", ""),
        ("{text: $5}", "text", "$5"),
        ("{word_or_number: 80}", "word_or_number", 80),
        ("{word_or_number: http}", "word_or_number", "http"),
        ("{flag: true}", "flag", True),
        ("{flag: 'False'}", "flag", False),
        ("{ratio: 0.25}", "ratio", 0.25),
        ("{maybe: ~}", "maybe", None),
        ("{maybe: '${THREE}'}", "maybe", 3),
        ("{colour: blue}", "colour", Colour.BLUE),
        ("{mode: 2}", "mode", 2),
        ("{mode: on}", "mode", "on"),
        ("{many: [1s, 2m]}", "many", (Duration.of(1), Duration.of(120))),
        ("{labels: {a: 1, yes: no}}", "labels", {"a": "1", "yes": "no"}),
        ("{inner: {size: 10Mi}}", "inner", Inner(size=Size.parse("10Mi"))),
        ("{inner: {share: 50%}}", "inner", Other(share=Share.parse("50%"))),
        ("{which: all}", "which", "all"),
        ("{which: a=b}", "which", Selector.parse("a=b")),
        ("{from: x}", "from_", "x"),
        ("{few: 5}", "few", 5),
    ],
)
def test_a_value_is_read_by_the_type_of_its_field(value: str, field: str, meant: Any) -> None:
    read_as = getattr(made(value), field)
    assert read_as == meant
    assert type(read_as) is type(meant)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{flag: yes}", "`flag` is `yes`; `true` or `false`"),
        ("{maybe: }", "`maybe` is empty; a whole number such as 3"),
        ("{text: }", "`text` is empty; text"),
        ("{text: [a]}", "`text` is a list; text"),
        ("{maybe: 010}", "`maybe` is `010`; a whole number such as 3"),
        ("{colour: green}", "`colour` is `green`; `red` or `blue`"),
        ("{many: 1s}", "`many` is `1s`; a list, each item a duration"),
        ("{many: [1s, 1s, 1s]}", "`many` has 3 items; at least 0 and at most 2"),
        ("{labels: {'${THREE}': x}}", "`${THREE}` as a key; `${...}` in values only"),
        ("{labels: [a]}", "`labels` is a list; a mapping with free keys"),
        ("{inner: {share: 50%, nam: x}}", "unknown key `nam` in `inner`; `share` or `name`"),
        ("{inner: {}}", "`inner` lacks `size`; `size:` with a size"),
        ("{inner: 5}", "`inner` is `5`; a mapping with `size`, or a mapping with"),
        ("{from_: x}", "unknown key `from_` in `every`"),
        ("{few: 6}", "`few` is `6`; at most 5"),
        ("{few: 0}", "`few` is `0`; at least 1"),
        ("{text: '${FIVE}'}", "the environment variable `FIVE` is not set"),
        ("{text: 'a${NOTHING}'}", "the environment variable `NOTHING` is empty"),
        ("{text: '${matrix.a}'}", "the matrix has no `a`; a `matrix:` with that key"),
        ("{text: '${'}", "`${` is not a reference"),
        ("{text: '${ THREE }'}", "`${ THREE }` is not a reference"),
        ("{'${THREE}': x}", "unknown key `${THREE}` in `every`"),
        ("{? [a] : x}", "a key that is not a string; `key: value`"),
        ("{text: !secret x}", "the YAML tag `!secret` is not supported here; plain values"),
    ],
)
def test_a_value_that_does_not_fit_is_told(value: str, says: str) -> None:
    assert told(value).startswith(says)


def test_files_are_looked_for_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    assert made("{files: a.yaml}", tmp_path).files == Path("a.yaml")
    assert made("{files: [a.yaml, a.yaml]}", tmp_path).files == (Path("a.yaml"), Path("a.yaml"))
    (problem,) = read("{files: [a.yaml, b.yaml]}", tmp_path).problems
    assert "names `b.yaml`, which does not exist" in problem.message


def test_what_the_environment_puts_in_is_text_and_never_yaml() -> None:
    text = b"scenario: x\nwhen:\n  - every: {text: '${T}'}\nthen:\n  - ready: all\n"
    loaded = load(Path("a.scenario.yaml"), text, TOYS, {"T": "a}\n  - kill: {b: [c"})
    assert loaded.scenarios[0].when[0].parameters.text == "a}\n  - kill: {b: [c"
    assert len(loaded.scenarios[0].when) == 1


def test_steps_may_be_nested_eight_deep_and_no_deeper() -> None:
    def nested(depth: int) -> Loaded:
        inner = "{expect_refused: " * depth + "{sleep: 1s}" + "}" * depth
        text = f"scenario: x\nwhen:\n  - {inner}\nthen:\n  - ready: all\n"
        return load(Path("a.scenario.yaml"), text.encode(), TOYS, {})

    assert nested(8).problems == ()
    (problem,) = nested(9).problems
    assert problem.message == "steps inside steps, more than 8 deep"


@pytest.mark.parametrize("annotation", [object, dict, list[int], tuple[int, str], bytes, Any])
def test_an_annotation_without_a_shape_is_told_to_the_author_of_the_verb(annotation: Any) -> None:
    with pytest.raises(TypeError, match="the language has no shape for"):
        shape_of(annotation)


def test_a_step_is_a_shape_like_any_other() -> None:
    assert "a step such as" in shape_of(tuple[Step, ...]).expected


def test_a_type_is_compiled_once() -> None:
    assert record_of(Everything) is record_of(Everything)
