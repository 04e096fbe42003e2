"""From words to a tree. A node is a tuple: its kind, then its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from resilience.sandbox.images.awk.awk_words import AwkSyntax, AwkWord, words

Node = tuple[Any, ...]
_ASSIGN = ("=", "+=", "-=", "*=", "/=", "%=", "^=")
_COMPARE = ("<", "<=", "==", "!=", ">", ">=")
_STARTS = ("number", "string", "regex", "name", "call", "function", "$", "!", "(", "-", "+", "++",
           "--")  # fmt: skip


@dataclass(slots=True)
class AwkProgram:
    """Rules in their order, and functions by name: parameters and body."""

    begin: list[Node] = field(default_factory=list)
    rules: list[tuple[Node, Node]] = field(default_factory=list)
    end: list[Node] = field(default_factory=list)
    functions: dict[str, tuple[list[str], Node]] = field(default_factory=dict)


class AwkParser:
    """One program; `parse` reads it whole."""

    def __init__(self, text: str) -> None:
        self.words = list(words(text))
        self.at = 0
        self.no_in = self.no_greater = False

    @property
    def now(self) -> AwkWord:
        return self.words[self.at]

    def _take(self, *kinds: str) -> AwkWord | None:
        if self.now.kind not in kinds:
            return None
        self.at += 1
        return self.words[self.at - 1]

    def _need(self, kind: str) -> AwkWord:
        word = self._take(kind)
        if word is None:
            raise AwkSyntax(f"expected '{kind}' before '{self.now.text.strip() or 'the end'}'")
        return word

    def _newlines(self, *more: str) -> None:
        while self._take("newline", *more):
            pass

    # -- rules and statements --------------------------------------------------------------------

    def parse(self) -> AwkProgram:
        program = AwkProgram()
        self._newlines(";")
        while self.now.kind != "end":
            self._rule(program)
            self._newlines(";")
        return program

    def _rule(self, program: AwkProgram) -> None:
        if self._take("function_"):
            name = self._need(self.now.kind if self.now.kind in ("name", "call") else "name")
            if name.kind == "name":
                self._need("(")
            parameters = []
            while not self._take(")"):
                parameters.append(self._need("name").text)
                self._take(",")
                self._newlines()
            self._newlines()
            program.functions[name.text] = (parameters, self._block())
        elif self._take("BEGIN"):
            program.begin.append(self._block())
        elif self._take("END"):
            program.end.append(self._block())
        else:
            pattern: Node = ("always",)
            if self.now.kind != "{":
                pattern = self._expression()
                if self._take(","):
                    self._newlines()
                    pattern = ("range", pattern, self._expression(), len(program.rules))
            body = self._block() if self.now.kind == "{" else ("print", [], "", None)
            program.rules.append((pattern, body))

    def _block(self) -> Node:
        self._need("{")
        body = []
        self._newlines(";")
        while not self._take("}"):
            body.append(self._statement())
            self._newlines(";")
        return ("block", body)

    def _body(self) -> Node:
        self._newlines()
        if self._take(";"):
            return ("block", [])
        return self._statement()

    def _statement(self) -> Node:
        kind = self.now.kind
        if kind == "{":
            return self._block()
        method = getattr(self, f"_{kind}_statement", None)
        if method is not None:
            self.at += 1
            return method()  # type: ignore[no-any-return]
        return self._ended(self._simple())

    def _ended(self, node: Node) -> Node:
        if self.now.kind != "}" and not self._take(";", "newline"):
            raise AwkSyntax(f"unexpected '{self.now.text}'")
        return node

    def _simple(self) -> Node:
        if self.now.kind in ("print", "printf"):
            return self._print()
        if self._take("delete"):
            name = self._need("name").text
            return ("delete", name, self._subscript() if self._take("[") else None)
        return ("do", self._expression())

    def _if_statement(self) -> Node:
        self._need("(")
        condition = self._expression()
        self._need(")")
        yes, mark = self._body(), 0
        mark = self.at
        self._newlines(";")
        if self._take("else"):
            return ("if", condition, yes, self._body())
        self.at = mark
        return ("if", condition, yes, None)

    def _while_statement(self) -> Node:
        self._need("(")
        condition = self._expression()
        self._need(")")
        return ("while", condition, self._body())

    def _do_statement(self) -> Node:
        body = self._body()
        self._newlines(";")
        self._need("while")
        self._need("(")
        condition = self._expression()
        self._need(")")
        return self._ended(("repeat", body, condition))

    def _for_statement(self) -> Node:
        self._need("(")
        ahead = [word.kind for word in self.words[self.at : self.at + 4]]
        if ahead == ["name", "in", "name", ")"]:
            name, _, array = (self.words[self.at + step].text for step in range(3))
            self.at += 4
            return ("each", name, array, self._body())
        first = None if self.now.kind == ";" else self._simple()
        self._need(";")
        self._newlines()
        condition = None if self.now.kind == ";" else self._expression()
        self._need(";")
        self._newlines()
        step = None if self.now.kind == ")" else self._simple()
        self._need(")")
        return ("for", first, condition, step, self._body())

    def _next_statement(self) -> Node:
        return self._ended(("next",))

    def _nextfile_statement(self) -> Node:
        return self._ended(("nextfile",))

    def _break_statement(self) -> Node:
        return self._ended(("break",))

    def _continue_statement(self) -> Node:
        return self._ended(("continue",))

    def _exit_statement(self) -> Node:
        return self._ended(("exit", self._maybe()))

    def _return_statement(self) -> Node:
        return self._ended(("return", self._maybe()))

    def _maybe(self) -> Node | None:
        return None if self.now.kind in (";", "newline", "}") else self._expression()

    def _print(self) -> Node:
        kind = self.words[self.at].kind
        self.at += 1
        before, self.no_greater = self.no_greater, True
        values: list[Node] = []
        if self.now.kind in _STARTS:
            values = self._list()
            if len(values) == 1 and values[0][0] == "group" and len(values[0][1]) > 1:
                values = values[0][1]
        self.no_greater = before
        target, how = None, self._take(">", ">>", "|")
        if how:
            target = self._concatenation(pipes=False)
        return (kind, values, how.text if how else "", target)

    def _list(self) -> list[Node]:
        found = [self._expression()]
        while self._take(","):
            self._newlines()
            found.append(self._expression())
        return found

    # -- expressions, the loosest first -----------------------------------------------------------

    def _expression(self) -> Node:
        left = self._condition()
        if self.now.kind in _ASSIGN and left[0] in ("name", "field", "element"):
            mark = self.now.kind
            self.at += 1
            self._newlines()
            return ("assign", mark[:-1], left, self._expression())
        return left

    def _condition(self) -> Node:
        test = self._or()
        if not self._take("?"):
            return test
        self._newlines()
        yes = self._expression()
        self._newlines()
        self._need(":")
        self._newlines()
        return ("choose", test, yes, self._expression())

    def _or(self) -> Node:
        return self._joined("or", self._and, "||")

    def _and(self) -> Node:
        return self._joined("and", self._in, "&&")

    def _joined(self, kind: str, inner: Callable[[], Node], mark: str) -> Node:
        left = inner()
        while self._take(mark):
            self._newlines()
            left = (kind, left, inner())
        return left

    def _in(self) -> Node:
        left = self._match()
        while self.now.kind == "in":
            self.at += 1
            subscript = left[1] if left[0] == "group" else [left]
            left = ("in", subscript, self._need("name").text)
        return left

    def _match(self) -> Node:
        left = self._comparison()
        while mark := self._take("~", "!~"):
            left = ("match", mark.kind, left, self._comparison())
        return left

    def _comparison(self) -> Node:
        left = self._concatenation()
        while self.now.kind in _COMPARE and not (self.now.kind == ">" and self.no_greater):
            mark = self.now.kind
            self.at += 1
            left = ("compare", mark, left, self._concatenation())
        return left

    def _concatenation(self, *, pipes: bool = True) -> Node:
        left = self._sum()
        while True:
            if pipes and self.now.kind == "|" and self.words[self.at + 1].kind == "getline":
                self.at += 2
                left = ("getline", "|", left, self._place())
            elif self.now.kind in _STARTS and self.now.kind not in ("+", "-"):
                left = ("join", left, self._sum())
            else:
                return left

    def _sum(self) -> Node:
        return self._calculated(self._product, "+", "-")

    def _product(self) -> Node:
        return self._calculated(self._unary, "*", "/", "%")

    def _calculated(self, inner: Callable[[], Node], *marks: str) -> Node:
        left = inner()
        while mark := self._take(*marks):
            left = ("calculate", mark.kind, left, inner())
        return left

    def _unary(self) -> Node:
        if mark := self._take("!", "-", "+"):
            return ("unary", mark.kind, self._unary())
        return self._power()

    def _power(self) -> Node:
        left = self._postfix()
        if self._take("^"):
            return ("calculate", "^", left, self._unary())
        return left

    def _postfix(self) -> Node:
        if mark := self._take("++", "--"):
            return ("step", mark.kind, True, self._postfix())
        left = self._primary()
        if left[0] in ("name", "field", "element") and (mark := self._take("++", "--")):
            return ("step", mark.kind, False, left)
        return left

    def _place(self) -> Node | None:
        return self._postfix() if self.now.kind in ("name", "$") else None

    def _subscript(self) -> list[Node]:
        before, self.no_greater = self.no_greater, False
        found = self._list()
        self.no_greater = before
        self._need("]")
        return found

    def _arguments(self) -> list[Node]:
        before, self.no_greater = self.no_greater, False
        self._newlines()
        found = [] if self.now.kind == ")" else self._list()
        self._newlines()
        self._need(")")
        self.no_greater = before
        return found

    def _primary(self) -> Node:
        word = self.now
        self.at += 1
        if word.kind == "number":
            whole = word.text[:2].lower() == "0x"
            return ("number", float(int(word.text, 16) if whole else word.text))
        if word.kind in ("string", "regex"):
            return (word.kind, word.text)
        if word.kind == "$":
            if mark := self._take("++", "--"):
                return ("field", ("step", mark.kind, True, self._postfix()))
            return (
                "field",
                ("unary", "-", self._primary()) if self._take("-") else self._primary(),
            )
        if word.kind == "name":
            return ("element", word.text, self._subscript()) if self._take("[") else word_node(word)
        if word.kind == "call":
            return ("call", word.text, self._arguments())
        if word.kind == "function":
            return ("function", word.text, self._arguments() if self._take("(") else None)
        if word.kind == "getline":
            place = self._place()
            source = self._concatenation(pipes=False) if self._take("<") else None
            return ("getline", "<" if source else "", source, place)
        if word.kind == "(":
            found = self._arguments()
            if not found:
                raise AwkSyntax("unexpected ')'")
            return ("group", found)
        raise AwkSyntax(f"unexpected '{word.text.strip() or 'end'}'")


def word_node(word: AwkWord) -> Node:
    """A variable."""
    return ("name", word.text)
