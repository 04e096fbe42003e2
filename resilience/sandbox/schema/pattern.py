"""Regular expressions that clients send, matched in time that grows only with the text.

Kubernetes' are Go's (RE2): no backtracking, digits, words and blanks are ASCII's, and a dollar is
the very end of the text. Python's `re` may take hours for thirty characters, and nothing else is
served meanwhile. So patterns are read by `pattern_syntax` into a little program whose states are
followed all at once. Scripts (Greek, Han) are not known. Answers only whether there is a match.
"""

from __future__ import annotations

from functools import lru_cache

from resilience.sandbox.schema.pattern_chars import PatternError
from resilience.sandbox.schema.pattern_syntax import Op, Program, parse

__all__ = ["PatternError", "search"]

_REMEMBERED = 4096
_MOST_WORK = 10_000_000
"""Steps of the program by characters of the text: a few seconds at the very worst."""
_END = ""
"""What stands before the first character and after the last one."""

States = frozenset[int]


def search(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in the text; PatternError if it is not a pattern, or if
    matching would take too long."""
    machine = _machine(pattern)
    if machine.size * len(text) > _MOST_WORK:
        raise PatternError("expression too large for a text of this length")
    return machine.search(text)


@lru_cache(maxsize=256)
def _machine(pattern: str) -> _Machine:
    return _Machine(parse(pattern))


class _Machine:
    """Follows every state of a program at once; what was worked out before is remembered."""

    def __init__(self, program: Program) -> None:
        self.size = len(program)
        self._program = program
        self._closed: dict[tuple[States, str, str], States] = {}
        self._next: dict[tuple[States, str], States] = {}

    def search(self, text: str) -> bool:
        """Whether any state reaches the end of the program."""
        states, before = frozenset((0,)), _END
        for after in text:
            closed = self._reachable(states, before, after)
            if self.size in closed:
                return True
            states, before = self._step(closed, after), after
        return self.size in self._reachable(states, before, _END)

    def _step(self, states: States, char: str) -> States:
        """After one character. A match may begin anywhere: state 0 is always there."""
        found = self._next.get((states, char))
        if found is None:
            if len(self._next) > _REMEMBERED:
                self._next.clear()
            found = self._next[states, char] = frozenset(
                (0, *(at + 1 for at in states if self._takes(at, char)))
            )
        return found

    def _takes(self, at: int, char: str) -> bool:
        if at == self.size:
            return False
        step = self._program[at]
        return step.chars is not None and step.chars.has(char)

    def _reachable(self, states: States, before: str, after: str) -> States:
        """Where these states lead to between two characters."""
        key = states, _kind(before), _kind(after)
        found = self._closed.get(key)
        if found is None:
            if len(self._closed) > _REMEMBERED:
                self._closed.clear()
            found = self._closed[key] = self._closure(states, before, after)
        return found

    def _closure(self, states: States, before: str, after: str) -> States:
        seen: set[int] = set()
        todo = list(states)
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            if at == self.size:
                continue
            step = self._program[at]
            if step.op is Op.FORK:
                todo += (at + step.first, at + step.second)
            elif step.op is not Op.TAKE and _holds(step.op, before, after):
                todo.append(at + 1)
        return frozenset(seen)


def _kind(char: str) -> str:
    """The class of a character, as far as anchors and word boundaries depend on it."""
    if char in ("", "\n"):
        return char
    return "w" if _is_word(char) else "."


def _is_word(char: str) -> bool:
    return char != "" and char.isascii() and (char.isalnum() or char == "_")


def _holds(op: Op, before: str, after: str) -> bool:
    if op is Op.BEGIN:
        return before == _END
    if op is Op.FINISH:
        return after == _END
    if op is Op.LINE_BEGIN:
        return before in (_END, "\n")
    if op is Op.LINE_FINISH:
        return after in (_END, "\n")
    return (_is_word(before) != _is_word(after)) == (op is Op.EDGE)
