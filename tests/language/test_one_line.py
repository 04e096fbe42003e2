"""One mistake, one line: every key of every wanted document misspelt, every value left out.

A second line about the same mistake sends a newcomer looking for a second mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from resilience.language import load
from tests.language.toys import TOYS

WANTED = sorted((Path(__file__).parent / "wanted").glob("*.yaml"))
FREE = ("matrix", "headers", "exclude")
"""Mappings whose keys are the user's own."""


def told(path: Path, text: str) -> list[str]:
    return [
        str(problem)
        for problem in load(path, text.encode(), TOYS, {"SHOP_HOST": "shop.example"}).problems
    ]


def keys(node: Node, parent: str = "") -> Iterator[ScalarNode]:
    """Every key that the language knows, also those inside of { }."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if parent not in FREE:
                yield key
            yield from keys(value, key.value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from keys(item, parent)


def misspelt(word: str) -> str:
    """A letter is left out, as in haste."""
    return word[:-2] + word[-1]


def typos(path: Path) -> Iterator[tuple[str, str]]:
    """(place and key, the text with that one key misspelt)."""
    text = path.read_text()
    for root in yaml.compose_all(text):
        for key in {id(key): key for key in keys(root)}.values():
            if len(key.value) < 4:
                continue  # of three letters too few are left to tell what was meant
            start, end = key.start_mark, key.end_mark
            where = f"{start.line + 1}:{start.column + 1} {key.value}"
            yield where, text[: start.index] + misspelt(key.value) + text[end.index :]


@pytest.mark.parametrize("path", WANTED, ids=lambda path: path.name[:2])
def test_a_misspelt_key_is_one_line_at_its_place(path: Path) -> None:
    more = {}
    for where, text in typos(path):
        lines = told(path, text)
        place = re.escape(where.partition(" ")[0])
        if len(lines) != 1 or not re.search(rf":{place}: ", lines[0]):
            more[where] = lines
    assert more == {}


def values(node: Node) -> Iterator[ScalarNode]:
    """Every value that is written plainly after a key."""
    if isinstance(node, MappingNode):
        for _, value in node.value:
            yield from [value] if isinstance(value, ScalarNode) else values(value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from values(item)


def emptied(path: Path) -> Iterator[tuple[str, str]]:
    """(place, the text with that one value taken away)."""
    text = path.read_text()
    for root in yaml.compose_all(text):
        for value in {id(value): value for value in values(root)}.values():
            start, end = value.start_mark, value.end_mark
            if value.style or value.value == "" or text[: start.index].rstrip().endswith("&"):
                continue
            yield f"{start.line + 1}", text[: start.index] + text[end.index :]


@pytest.mark.parametrize("path", WANTED, ids=lambda path: path.name[:2])
def test_a_value_that_is_left_out_is_one_line_at_most(path: Path) -> None:
    more = {}
    for where, text in emptied(path):
        lines = told(path, text)
        if len(lines) > 1:
            more[where] = lines
    assert more == {}
