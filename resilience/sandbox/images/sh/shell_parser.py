"""From text to `shell_tree`: the POSIX shell grammar (XCU 2.10), by recursive descent.

Of bash there are `[[ ]]`, `(( ))`, arrays, here-strings and `function`; not supported are job
control, aliases and associative arrays. Invalid scripts raise `ShellSyntaxError`, and
nothing of them runs.
"""

from __future__ import annotations

import re

from resilience.sandbox.images.sh.shell_tree import (
    AndOr,
    Assignment,
    Case,
    Conditional,
    For,
    Function,
    Group,
    If,
    Literal,
    Loop,
    Node,
    Pipeline,
    Redirection,
    Sequence,
    Simple,
    Word,
)
from resilience.sandbox.images.sh.shell_words import ScriptReader, ShellSyntaxError, Unclosed

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(?=\+?=|\[[^]\n]*\]\+?=)")
_REDIRECTION = re.compile(r"(\d*)(<<<|<<-|<<|<&|<>|<(?!\()|>>|>&|>\||>|&>)")
_FUNCTION = re.compile(r"([A-Za-z_][\w.-]*)[ \t]*\([ \t]*\)")
_ENDS = frozenset({"then", "else", "elif", "fi", "do", "done", "esac", "}"})


_ERRORS_TOO = Redirection(2, ">&", Word((Literal("1"),)))
_SIGNS = re.compile(r"&&|\|\||[()<>]|!(?=[\s(])")
_WORDS = frozenset({"=~", "==", "!=", "="})


def _let(expression: Word) -> Simple:
    """`((...))`."""
    return Simple((), (Word((Literal("let"),)), Word((*expression.parts, Literal("", True)))), ())


def parse(text: str) -> Node:
    """A whole script."""
    parser = _Parser(text)
    found = parser.sequence(frozenset())
    if parser.reader.peek():
        raise ShellSyntaxError(f'syntax error: unexpected "{parser.reader.peek()}"')
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.reader = ScriptReader(text, parse)
        self._skipped: list[tuple[int, int]] = []
        """Where the here-documents of this line are: they have been read ahead."""

    # -- lists -----------------------------------------------------------------------------------

    def sequence(self, ends: frozenset[str]) -> Sequence:
        """Commands up to one of the reserved words `ends`, a `)`, or the end."""
        items: list[tuple[Node, bool]] = []
        while True:
            self._lines()
            if not self.reader.peek() or self.reader.peek() in ")" or self._next_bare() in _ENDS:
                break
            if self.reader.peek(2) == ";;":
                break
            node = self._and_or()
            self.reader.blanks()
            background = self.reader.peek() == "&" and self.reader.peek(2) != "&&"
            if background or (self.reader.peek() == ";" and self.reader.peek(2) != ";;"):
                self.reader.at += 1
            items.append((node, background))
        found = self._next_bare()
        if found in _ENDS and found not in ends:
            raise ShellSyntaxError(f'syntax error: unexpected "{found}"')
        return Sequence(tuple(items))

    def _lines(self) -> None:
        """Skip blank lines, and read the here-documents that begin after one."""
        self.reader.blanks()
        while self.reader.peek() == "\n":
            self.reader.at += 1
            self._take_documents()
            self.reader.blanks()

    def _and_or(self) -> Node:
        members: list[tuple[str, Node]] = [("", self._pipeline())]
        while operator := self._operator("&&", "||"):
            self.reader.at += 2
            self._lines()
            members.append((operator, self._pipeline()))
        return members[0][1] if len(members) == 1 else AndOr(tuple(members))

    def _pipeline(self) -> Node:
        negated = self._accept("!")
        commands = [self._command()]
        while self._operator("|") and self.reader.peek(2) != "||":
            self.reader.at += 1
            if self.reader.peek() == "&":
                self.reader.at += 1
                commands[-1] = Group(commands[-1], False, (_ERRORS_TOO,))
            self._lines()
            commands.append(self._command())
        if len(commands) == 1 and not negated:
            return commands[0]
        return Pipeline(tuple(commands), negated)

    # -- commands --------------------------------------------------------------------------------

    def _command(self) -> Node:
        self.reader.blanks()
        if self.reader.peek(2) == "((" and (inner := self.reader.enclosed_arithmetic()):
            return self._with_redirections(_let(inner))
        if self._starts("[["):
            return self._with_redirections(self._conditional())
        if self.reader.peek() == "(":
            self.reader.at += 1
            body = self.sequence(frozenset())
            self._close(")")
            return Group(body, True, self._redirections())
        compound = {
            "if": self._if, "while": self._loop, "until": self._loop, "for": self._for,
            "case": self._case, "{": self._braces,
        }.get(self._next_bare())  # fmt: skip
        if compound is not None:
            return self._with_redirections(compound())
        if self._accept("function"):
            return self._function()
        function = _FUNCTION.match(self.reader.text, self.reader.at)
        if function:
            self.reader.at = function.end()
            self._lines()
            return Function(function[1], self._command())
        return self._simple()

    def _with_redirections(self, node: Node) -> Node:
        redirections = self._redirections()
        return Group(node, False, redirections) if redirections else node

    def _function(self) -> Node:
        """`function NAME {`, with or without `()`."""
        self.reader.blanks()
        found = re.compile(r"[\w.-]+").match(self.reader.text, self.reader.at)
        if found is None:
            raise ShellSyntaxError("syntax error: expecting the name of a function")
        name = found[0]
        self.reader.at = found.end()
        self.reader.blanks()
        if self.reader.peek() == "(":
            self.reader.at += 1
            self._close(")")
        self._lines()
        return Function(name, self._command())

    def _starts(self, mark: str) -> bool:
        """Whether `mark` is the next word."""
        after = self.reader.peek(len(mark) + 1)
        return after.startswith(mark) and after[len(mark) :] in ("", " ", "\t", "\n", ";")

    def _conditional(self) -> Conditional:
        """`[[ ... ]]`: nothing in it is split, and `<`, `(` and `&&` are operators of its own."""
        self.reader.at += 2
        tokens: list[str | Word] = []
        while True:
            self._lines()
            if self._starts("]]"):
                self.reader.at += 2
                return Conditional(tuple(tokens))
            if tokens[-1:] == ["=~"]:
                tokens.append(self._regular())
                continue
            sign = _SIGNS.match(self.reader.text, self.reader.at)
            if sign:
                self.reader.at = sign.end()
                tokens.append(sign[0])
                continue
            word = self.reader.word()
            if word is None:
                raise Unclosed('syntax error: expecting "]]"')
            tokens.append(word.bare if word.bare in _WORDS else word)

    def _regular(self) -> Word:
        """What follows `=~`: parentheses belong to it, blanks inside of them as well."""
        text, start, depth = self.reader.text, self.reader.at, 0
        while self.reader.peek() and (depth > 0 or self.reader.peek() not in " \t\n"):
            depth += {"(": 1, ")": -1}.get(self.reader.peek(), 0)
            self.reader.at += 1
        inner = ScriptReader(text[start : self.reader.at], parse)
        return inner.word(breaks="\0") or Word(())

    def _assignment(self, name: str) -> Assignment:
        index = self.reader.subscript()
        adds = self.reader.peek() == "+"
        self.reader.at += 1 + adds
        if self.reader.peek() != "(":
            return Assignment(name, self.reader.word() or Word(()), adds, index)
        self.reader.at += 1
        values: list[Word] = []
        while True:
            self._lines()
            word = self.reader.word()
            if word is None:
                self._close(")")
                return Assignment(name, Word(()), adds, index, tuple(values))
            values.append(word)

    def _simple(self) -> Simple:
        assignments: list[Assignment] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while True:
            redirection = self._redirection()
            if redirection is not None:
                redirections.append(redirection)
                continue
            name = _ASSIGNMENT.match(self.reader.text, self.reader.at)
            if name and not words:
                self.reader.at = name.end()
                assignments.append(self._assignment(name[1]))
                continue
            word = self.reader.word()
            if word is None:
                break
            words.append(word)
        if not (assignments or words or redirections):
            if not self.reader.peek():
                raise Unclosed("syntax error: unexpected end of file")
            raise ShellSyntaxError(f'syntax error: unexpected "{self.reader.peek()}"')
        return Simple(tuple(assignments), tuple(words), tuple(redirections))

    def _if(self) -> Node:
        self._expect("if")
        branches: list[tuple[Node, Node]] = []
        while True:
            condition = self.sequence(frozenset({"then"}))
            self._expect("then")
            branches.append((condition, self.sequence(frozenset({"elif", "else", "fi"}))))
            if not self._accept("elif"):
                break
        otherwise = self.sequence(frozenset({"fi"})) if self._accept("else") else None
        self._expect("fi")
        return If(tuple(branches), otherwise)

    def _loop(self) -> Node:
        until = self._accept("until") or not self._accept("while")
        condition = self.sequence(frozenset({"do"}))
        return Loop(condition, self._body(), until)

    def _for(self) -> Node:
        self._expect("for")
        self.reader.blanks()
        if self.reader.peek(2) == "((":
            return self._counting()
        name = self._next_bare()
        self.reader.at += len(name)
        self._lines()
        words: tuple[Word, ...] | None = None
        if self._accept("in"):
            words = tuple(self._words())
        self.reader.blanks()
        if self.reader.peek() == ";":
            self.reader.at += 1
        self._lines()
        return For(name, words, self._body())

    def _counting(self) -> Node:
        """`for ((first; while; step))`: an empty condition holds."""
        inner = self.reader.enclosed("((", "))") or ""
        parts = [self.reader.quoted_text(part) for part in inner.split(";")]
        if len(parts) != 3:
            raise ShellSyntaxError("syntax error: expecting `for ((first; while; step))`")
        self.reader.blanks()
        if self.reader.peek() == ";":
            self.reader.at += 1
        self._lines()
        first, condition, step = (_let(part) for part in parts)
        held = condition if parts[1].parts else _let(Word((Literal("1"),)))
        return Sequence(((first, False), (Loop(held, self._body(), False, step), False)))

    def _words(self) -> list[Word]:
        found: list[Word] = []
        self.reader.blanks()
        while (word := self.reader.word()) is not None:
            found.append(word)
            self.reader.blanks()
        return found

    def _body(self) -> Node:
        self._expect("do")
        body = self.sequence(frozenset({"done"}))
        self._expect("done")
        return body

    def _case(self) -> Node:
        self._expect("case")
        self.reader.blanks()
        subject = self.reader.word() or Word(())
        self._lines()
        self._expect("in")
        branches: list[tuple[tuple[Word, ...], Node]] = []
        while True:
            self._lines()
            if self._accept("esac"):
                return Case(subject, tuple(branches))
            branches.append((self._patterns(), self.sequence(frozenset({"esac"}))))
            self.reader.blanks()
            if self.reader.peek(2) == ";;":
                self.reader.at += 2

    def _patterns(self) -> tuple[Word, ...]:
        if self.reader.peek() == "(":
            self.reader.at += 1
        found = []
        while True:
            self.reader.blanks()
            found.append(self.reader.word() or Word(()))
            self.reader.blanks()
            if self.reader.peek() != "|":
                self._close(")")
                return tuple(found)
            self.reader.at += 1

    def _braces(self) -> Node:
        self._expect("{")
        body = self.sequence(frozenset({"}"}))
        self._expect("}")
        return Group(body, False)

    # -- redirections ----------------------------------------------------------------------------

    def _redirections(self) -> tuple[Redirection, ...]:
        found = []
        while (redirection := self._redirection()) is not None:
            found.append(redirection)
        return tuple(found)

    def _redirection(self) -> Redirection | None:
        self.reader.blanks()
        match = _REDIRECTION.match(self.reader.text, self.reader.at)
        if match is None:
            return None
        self.reader.at = match.end()
        self.reader.blanks()
        operator = match[2]
        target = self.reader.word()
        if target is None:
            raise ShellSyntaxError("syntax error: unexpected redirection")
        number = int(match[1]) if match[1] else int(operator[0] in ">&")
        if operator in ("<<", "<<-"):
            target = self._document(target, operator)
        return Redirection(number, operator, target)

    def _document(self, end: Word, operator: str) -> Word:
        """The text of a here-document is filled in when its lines are reached."""
        raw = any(isinstance(part, Literal) and part.quoted for part in end.parts)
        text = "".join(part.text for part in end.parts if isinstance(part, Literal))
        found, at = self._lines_of(text, without_tabs=operator == "<<-")
        self._skipped.append(at)
        return Word((Literal(found, quoted=True),)) if raw else self.reader.quoted_text(found)

    def _lines_of(self, end: str, *, without_tabs: bool) -> tuple[str, tuple[int, int]]:
        """The lines up to `end` after this line, and their place."""
        text = self.reader.text
        start = self._skipped[-1][1] if self._skipped else text.find("\n", self.reader.at) + 1
        at = start
        out: list[str] = []
        while start and at < len(text):
            line = text[at : (text.find("\n", at) + 1) or len(text)]
            at += len(line)
            line = line.lstrip("\t") if without_tabs else line
            if line.rstrip("\n") == end:
                return "".join(out), (start, at)
            out.append(line)
        raise Unclosed(f"here-document is not ended by {end}")

    def _take_documents(self) -> None:
        """Skip the here-documents of the line that has just ended."""
        if self._skipped:
            self.reader.at = self._skipped[-1][1]
            self._skipped.clear()

    def _operator(self, *known: str) -> str:
        """The next operator if it is one of `known`, which have one length; else ""."""
        self.reader.blanks()
        found = self.reader.peek(len(known[0]))
        return found if found in known else ""

    # -- reserved words --------------------------------------------------------------------------

    def _next_bare(self) -> str:
        found = re.compile(r"[A-Za-z_]\w*|[{}!]").match(self.reader.text, self.reader.at)
        if found is None:
            return ""
        after = self.reader.text[found.end() : found.end() + 1]
        return found[0] if not after or after in " \t\n;&|<>()" else ""

    def _accept(self, word: str) -> bool:
        self.reader.blanks()
        if self._next_bare() != word:
            return False
        self.reader.at += len(word)
        return True

    def _expect(self, word: str) -> None:
        self._lines()
        if not self._accept(word):
            if not self.reader.peek():
                raise Unclosed(f'syntax error: unexpected end of file (expecting "{word}")')
            raise ShellSyntaxError(
                f'syntax error: unexpected "{self.reader.peek()}" (expecting "{word}")'
            )

    def _close(self, mark: str) -> None:
        self.reader.blanks()
        if self.reader.peek() != mark:
            kind = Unclosed if not self.reader.peek() else ShellSyntaxError
            raise kind(f'syntax error: expecting "{mark}"')
        self.reader.at += 1
