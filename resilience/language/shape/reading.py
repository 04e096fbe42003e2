"""The state of reading one document: position, values of references, problems.

Nothing here raises for a user's text: a reader records a problem and returns `WRONG`, and its
caller continues with the next key, so that every problem of a document is found in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from resilience.language.compose import is_null
from resilience.language.text.near import quoted
from resilience.language.text.substitute import Unknown, Variables
from resilience.model.place import Place, Problem
from resilience.model.verb import Catalogue, Phase

if TYPE_CHECKING:
    from resilience.language.shape.records import Record


class Wrong(Enum):
    """A value that could not be read; the problem has been recorded."""

    WRONG = "wrong"


WRONG: Final[Literal[Wrong.WRONG]] = Wrong.WRONG


class Entry(NamedTuple):
    """One `key: value` of a mapping."""

    key: str
    key_node: Node
    node: Node


@dataclass(slots=True, kw_only=True)
class Reading:
    """One pass over one document.

    `phase` and `path` say which step is being read; the reader of a part sets `path` before and
    resets it afterwards. `depth` counts flow verbs inside flow verbs. `namespaces` holds the value
    of `${namespace}` for phases in which it differs (a plan's drill). `record_of` returns the
    mapping that a dataclass describes.
    """

    file: str
    directory: Path
    catalogue: Catalogue
    variables: Variables
    record_of: Callable[[type[Any]], Record]
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    phase: Phase | None = None
    path: str = ""
    namespaces: Mapping[Phase, str | None] = field(default_factory=dict)
    depth: int = 0

    def place(self, node: Node) -> Place:
        """The place of a node's start."""
        mark = node.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 1, 1)

    def wrong(self, node: Node, message: str, expected: str = "", suggestion: str = "") -> Wrong:
        """Record a problem at a node."""
        self.problems.append(Problem(self.place(node), message, expected, suggestion))
        return WRONG

    def notice(self, node: Node, message: str, expected: str) -> None:
        """Record a notice about something that still works but should be changed."""
        self.notices.append(Problem(self.place(node), message, expected))

    def text(self, node: ScalarNode) -> str | Wrong:
        """A scalar's text with its references replaced."""
        try:
            return self.variables.fill(node.value)
        except Unknown as error:
            return self.wrong(node, error.message, error.expected, error.suggestion)

    def entries(self, node: MappingNode) -> Mapping[str, Entry]:
        """The keys of a mapping in order; keys that are not text, or duplicates, are problems."""
        found: dict[str, Entry] = {}
        for key_node, value in node.value:
            if not isinstance(key_node, ScalarNode):
                self.wrong(key_node, "a key that is not a string", "`key: value`")
            elif key_node.value in found:
                first = self.place(found[key_node.value].key_node).line
                self.wrong(
                    key_node,
                    f"the key {quoted(key_node.value)} is a duplicate",
                    f"it once; the first is on line {first}",
                )
            else:
                found[key_node.value] = Entry(key_node.value, key_node, value)
        return found


def child(node: Node, key: str) -> Node | None:
    """The value of a key as written; None when it is missing."""
    for key_node, value in node.value if isinstance(node, MappingNode) else ():
        if isinstance(key_node, ScalarNode) and key_node.value == key:
            found: Node = value
            return found
    return None


def what(node: Node) -> str:
    """A description of a node, for "`x` is ..."."""
    if isinstance(node, SequenceNode):
        return "a list"
    if isinstance(node, MappingNode):
        return "a mapping"
    if is_null(node):
        return "empty"
    return quoted(node.value) if node.value else "empty text"
