"""Shapes: the form of a value of the language, read from the annotations of dataclasses.

A shape reads a YAML node into a typed value, and describes what it expects. The JSON Schema and the
reference use the same shapes, so the three cannot disagree. Scalars are parsed from their text by
the type of their field, which avoids YAML's own guesses (`NO`, `12:30:00`, `010`, `1e3`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from resilience.language.compose import is_null
from resilience.language.shape.reading import WRONG, Reading, Wrong, what
from resilience.language.text.near import listed, nearest, quoted


class Shape(Protocol):
    """Any form of a value."""

    @property
    def expected(self) -> str:
        """Description: "a duration such as 2s"."""

    def takes(self, node: Node) -> bool:
        """Whether a node is of the right kind (text, list, mapping), whatever its content."""

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        """The value, or WRONG after recording the problem; `label` names it in messages."""


def _no_hint(text: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One piece of text. `parse` raises ValueError for text that it does not accept, and `beyond`
    says how to write what this piece cannot express."""

    name: str
    expected: str
    parse: Callable[[str], Any]
    hint: Callable[[str], str] = _no_hint
    pattern: str = ""
    beyond: Callable[[str], str] = _no_hint

    def takes(self, node: Node) -> bool:
        return isinstance(node, ScalarNode) and not is_null(node)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        if not isinstance(node, ScalarNode) or is_null(node):
            message = f"{quoted(label)} is {what(node)}"
            return reading.wrong(node, message, self.expected, self._flattened(node))
        text = reading.text(node)
        return text if text is WRONG else self.settle(text, node, reading, label)

    def settle(self, text: str, node: Node, reading: Reading, label: str) -> Any:
        """Parse text whose references have been replaced."""
        try:
            return self.parse(text)
        except ValueError:
            return refuse(self, text, node, reading, label)

    def guess(self, text: str) -> str:
        """The hint if it parses; in backquotes."""
        guess = self.hint(text)
        try:
            self.parse(guess)
        except ValueError:
            return ""
        return quoted(guess) if guess else ""

    def _flattened(self, node: Node) -> str:
        """`{app: shop}` for `app=shop`, the way manifests write selectors."""
        if self.name != "label selector" or not isinstance(node, MappingNode):
            return ""
        return self.guess(",".join(f"{key.value}={value.value}" for key, value in node.value))


def refuse(shape: Scalar | OneOf, text: str, node: Node, reading: Reading, label: str) -> Wrong:
    """Report that a text is not accepted, and where it came from."""
    source = f" (from {quoted(node.value)})" if text != node.value else ""
    message = f"{quoted(label)} is {quoted(text) if text else 'empty'}{source}"
    members = _scalars(shape.members) if isinstance(shape, OneOf) else (shape,)
    beyond = "".join(each.beyond(text) for each in members)
    return reading.wrong(node, message, shape.expected + beyond, shape.guess(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few words, each of which denotes a value (an Enum's or a Literal's)."""

    words: Sequence[tuple[str, Any]]

    @property
    def expected(self) -> str:
        return listed(f"`{word}`" for word, _ in self.words)

    def scalar(self) -> Scalar:
        """The same as a scalar shape."""
        return Scalar(name="choice", expected=self.expected, parse=self._parse, hint=self._hint)

    def takes(self, node: Node) -> bool:
        return isinstance(node, ScalarNode) and not is_null(node)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        return self.scalar().read(node, reading, label)

    def _parse(self, text: str) -> Any:
        for word, value in self.words:
            if word == text:
                return value
        raise ValueError(self.expected)

    def _hint(self, text: str) -> str:
        return nearest(text, [word for word, _ in self.words]).strip("`")


@dataclass(frozen=True, slots=True)
class File:
    """A path relative to the scenario's file; the file must exist when the scenario is loaded."""

    name: str = "file"
    expected: str = "a file, relative to this one"

    def takes(self, node: Node) -> bool:
        return isinstance(node, ScalarNode) and not is_null(node)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        if not isinstance(node, ScalarNode) or is_null(node) or not node.value:
            return reading.wrong(node, f"{quoted(label)} is {what(node)}", self.expected)
        text = reading.text(node)
        if text is WRONG or os.path.exists(reading.directory / text):
            return text if text is WRONG else Path(text)
        message = f"{quoted(label)} names {quoted(text)}, which does not exist"
        expected = f"a path relative to {quoted(str(reading.directory))}"
        return reading.wrong(node, message, expected, _similar(reading.directory / text, text))


def _similar(path: Path, written: str) -> str:
    try:
        close = nearest(path.name, os.listdir(path.parent)).strip("`")
    except (OSError, ValueError):
        return ""
    return quoted(str(Path(written).parent / close)) if close else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A YAML list with at least `least` items."""

    item: Shape
    least: int = 0
    most: int | None = None

    @property
    def expected(self) -> str:
        return f"a list, each item {self.item.expected}"

    def takes(self, node: Node) -> bool:
        return isinstance(node, SequenceNode)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        if not isinstance(node, SequenceNode):
            return reading.wrong(node, f"{quoted(label)} is {what(node)}", self.expected)
        values = []
        path = reading.path
        for index, child in enumerate(node.value):
            reading.path = f"{path}[{index}]"
            values.append(self.item.read(child, reading, label))
        reading.path = path
        count = len(values)
        if count < self.least or (self.most is not None and count > self.most):
            return reading.wrong(node, f"{quoted(label)} has {count or 'no'} items", self._bounds())
        return WRONG if any(value is WRONG for value in values) else tuple(values)

    def _bounds(self) -> str:
        most = f" and at most {self.most}" if self.most is not None else ""
        return f"at least {self.least}{most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf:
    """A YAML mapping with free keys."""

    value: Shape
    expected: str = "a mapping with free keys"

    def takes(self, node: Node) -> bool:
        return isinstance(node, MappingNode)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        if not isinstance(node, MappingNode):
            return reading.wrong(node, f"{quoted(label)} is {what(node)}", self.expected)
        values = {}
        for entry in reading.entries(node).values():
            values[entry.key] = self.value.read(entry.node, reading, entry.key)
            if "${" in entry.key:
                values[entry.key] = reading.wrong(
                    entry.key_node, f"{quoted(entry.key)} as a key", "`${...}` in values only"
                )
        return WRONG if WRONG in values.values() else values


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """A value of one of several shapes; text is tried in their order."""

    members: Sequence[Shape]
    optional: bool = False

    @property
    def expected(self) -> str:
        return ", or ".join(dict.fromkeys(member.expected for member in self.members))

    def takes(self, node: Node) -> bool:
        return any(member.takes(node) for member in self.members)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        if self.optional and is_null(node) and node.value:
            return None
        fitting = [member for member in self.members if member.takes(node)]
        if not fitting and len(self.members) > 1:
            return reading.wrong(node, f"{quoted(label)} is {what(node)}", self.expected)
        if len(fitting) < 2:
            return (fitting or self.members)[0].read(node, reading, label)
        if isinstance(node, ScalarNode):
            return self._scalar(fitting, node, reading, label)
        return closest(fitting, node).read(node, reading, label)

    def _scalar(
        self, fitting: Sequence[Shape], node: ScalarNode, reading: Reading, label: str
    ) -> Any:
        text = reading.text(node)
        if text is WRONG:
            return WRONG
        for scalar in _scalars(fitting):
            try:
                return scalar.parse(text)
            except ValueError:
                continue
        other = next((member for member in fitting if isinstance(member, File)), None)
        return (
            other.read(node, reading, label) if other else refuse(self, text, node, reading, label)
        )

    def guess(self, text: str) -> str:
        """The first member's good guess."""
        return next(filter(None, (scalar.guess(text) for scalar in _scalars(self.members))), "")


def _scalars(members: Sequence[Shape]) -> Sequence[Scalar]:
    found = [member.scalar() if isinstance(member, Choice) else member for member in members]
    return [member for member in found if isinstance(member, Scalar)]


def closest(fitting: Sequence[Shape], node: Node) -> Shape:
    """Among several shapes that accept a mapping, the one that knows most of its keys."""
    keys = (
        {key.value for key, _ in node.value if isinstance(key, ScalarNode)}
        if isinstance(node, MappingNode)
        else set()
    )
    return max(fitting, key=lambda shape: len(keys & set(getattr(shape, "keys", ()))))
