"""The meaning of shell code, as values: the tree that `shell_parser` builds and `shell` executes.

The names are those of the POSIX shell grammar (XCU 2.10). Nothing here has behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """Literal text. `quoted` text is neither split nor a pattern."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """`$NAME`, `${NAME}`, `${#NAME}`, `${!NAME}`, `${NAME[index]}` and
    `${NAME<operator>argument}`."""

    name: str
    operator: str = ""
    argument: Word | None = None
    second: Word | None = None
    """What replaces, or the length of a part: `${NAME/a/b}`, `${NAME:2:3}`."""
    index: Word | None = None
    length: bool = False
    indirect: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Substitution:
    """`$(...)` and backquotes."""

    body: Node
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class ProcessSubstitution:
    """`<(...)`: the name of a file with what the commands print."""

    body: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`$((...))`."""

    expression: Word
    quoted: bool = False


Part = Literal | Parameter | Substitution | ProcessSubstitution | Arithmetic


@dataclass(frozen=True, slots=True)
class Word:
    """Adjacent parts without a blank between them."""

    parts: tuple[Part, ...]

    @property
    def bare(self) -> str | None:
        """The text of a word without quotes or expansions, None for others."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Literal) and not self.parts[0].quoted:
            return self.parts[0].text
        return None


@dataclass(frozen=True, slots=True)
class Redirection:
    """`2>file` and the like; for a here-document `target` is the text."""

    descriptor: int
    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Assignment:
    """`NAME=value`, `NAME+=value`, `NAME[index]=value`; `values` for `NAME=(...)`."""

    name: str
    value: Word
    adds: bool = False
    index: Word | None = None
    values: tuple[Word, ...] | None = None


@dataclass(frozen=True, slots=True)
class Conditional:
    """`[[ ... ]]`: operators as texts, everything else as words."""

    tokens: tuple[str | Word, ...]


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, words and redirections."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by `|`, optionally after `!`."""

    commands: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class AndOr:
    """Pipelines joined by `&&` and `||`: each with the operator before it, the first with ""."""

    members: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Commands one after another; True marks those that run in the background."""

    items: tuple[tuple[Node, bool], ...]


@dataclass(frozen=True, slots=True)
class If:
    """`if`, `elif` and `else`."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Loop:
    """`while`, or `until`; `after` each round comes the step of `for ((...; ...; step))`."""

    condition: Node
    body: Node
    until: bool
    after: Node | None = None


@dataclass(frozen=True, slots=True)
class For:
    """`for NAME in WORDS`; without `in` the words are the arguments."""

    name: str
    words: tuple[Word, ...] | None
    body: Node


@dataclass(frozen=True, slots=True)
class Case:
    """`case WORD in`."""

    subject: Word
    branches: tuple[tuple[tuple[Word, ...], Node], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`{ ...; }`, `( ... )` in a process of its own, or any compound with redirections."""

    body: Node
    subshell: bool
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """`NAME() body`."""

    name: str
    body: Node


Node = (
    Simple | Conditional | Pipeline | AndOr | Sequence | If | Loop | For | Case | Group | Function
)
