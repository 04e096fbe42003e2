"""Turns text into YAML nodes with line and column; never raises for anything in the text.

PyYAML's C composer recurses without a limit: tens of thousands of brackets crash the process. So
text that could nest deeply is first read as events, which do not recurse, and rejected at the
limit. Aliases are allowed if what they expand to stays small and finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from resilience.language.text import source, syntax
from resilience.language.text.near import quoted
from resilience.model.place import Place, Problem

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH = 64
_SAFE_BOUND = 600
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
)
_EXPANDED = 20_000


def documents(file: str, text: str) -> tuple[Sequence[Node], Sequence[Problem]]:
    """All documents that could be composed, without empty ones, and what stopped the rest."""
    if problem := _too_deep(file, text):
        return (), (problem,)
    roots: list[Node] = []
    problems: list[Problem] = []
    try:
        roots.extend(yaml.compose_all(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        problems.append(syntax.problem(file, text, error))
    roots = [root for root in roots if not is_null(root)]
    checks = [check for mark, check in _CHECKS.items() if mark in text]
    found = {id(root): _first(file, root, checks) for root in roots}
    problems += [problem for problem in found.values() if problem]
    return [root for root in roots if not found[id(root)]], problems


def _first(file: str, root: Node, checks: Sequence[_Check]) -> Problem | None:
    return next(filter(None, (check(file, root) for check in checks)), None)


def is_null(node: Node) -> bool:
    """Whether a node is an empty value, `~` or `null`, unquoted."""
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS


_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def _too_deep(file: str, text: str) -> Problem | None:
    """Block nesting needs a column for each level or two, flow nesting a bracket."""
    longest = max(map(len, source.lines(text)))
    if text.count("[") + text.count("{") + 2 * longest < _SAFE_BOUND:
        return None
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEPTH:
                return Problem(
                    _place(file, event), f"more than {_DEPTH} levels deep", "a flatter document"
                )
    except yaml.YAMLError as error:
        return syntax.problem(file, text, error)
    return None


def _place(file: str, at: Node | yaml.Event) -> Place:
    mark = at.start_mark
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)


class _Endless(Exception):
    """Aliases that contain themselves, or that expand to too much."""


def _expands(file: str, root: Node) -> Problem | None:
    try:
        _size(root, {}, set())
    except _Endless as error:
        return Problem(_place(file, root), str(error), "aliases that stay small, or none")
    return None


def _size(node: Node, known: dict[int, int], open_: set[int]) -> int:
    """Nodes below, counting aliases each time; the depth of the tree is already limited."""
    if not isinstance(node, CollectionNode):
        return 1
    if id(node) in open_:
        raise _Endless("an alias contains itself")
    if id(node) not in known:
        open_.add(id(node))
        known[id(node)] = 1 + sum(_size(child, known, open_) for child in _children(node))
        open_.discard(id(node))
    if known[id(node)] > _EXPANDED:
        raise _Endless(f"the document's aliases expand to more than {_EXPANDED:,} values")
    return known[id(node)]


def _children(node: Node) -> Sequence[Node]:
    if isinstance(node, ScalarNode):
        return ()
    if isinstance(node, MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value)


def _tagged(file: str, root: Node) -> Problem | None:
    """A tag requests a type; here the field decides the type. Aliases were limited before, so
    the walk ends."""
    known = {id(root): root}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.tag not in _TAGS or not _suits(node):
            return Problem(
                _place(file, node),
                f"the YAML tag {quoted(node.tag)} is not supported here",
                "plain values",
            )
        fresh = [child for child in _children(node) if id(child) not in known]
        known |= {id(child): child for child in fresh}
        waiting += reversed(fresh)
    return None


def _suits(node: Node) -> bool:
    """Whether a tag contradicts its node: `!!int {a: b}` does."""
    form = node.tag.rpartition(":")[2]
    if isinstance(node, MappingNode):
        return form == "map"
    return form == "seq" if isinstance(node, yaml.SequenceNode) else form not in ("map", "seq")


_Check = Callable[[str, Node], Problem | None]

_CHECKS: Mapping[str, _Check] = {"*": _expands, "!": _tagged}
"""Searched only in texts with the character that it requires."""
