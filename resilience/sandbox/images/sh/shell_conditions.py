"""`[[ ... ]]` of bash: patterns, regular expressions, `&&`, `||`, `!` and parentheses."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from resilience.sandbox.images.matching.posix_expressions import expression
from resilience.sandbox.images.matching.shell_patterns import matches
from resilience.sandbox.images.sh.shell_arithmetic import ArithmeticFault, evaluate
from resilience.sandbox.images.sh.shell_test import NUMBERS, TEXTS, UNARY, USAGE
from resilience.sandbox.images.sh.shell_tree import Word

if TYPE_CHECKING:
    from resilience.sandbox.images.sh.shell import Shell
    from resilience.sandbox.images.sh.shell_expansion import Expansion


def check(shell: Shell, expansion: Expansion, tokens: tuple[str | Word, ...]) -> int:
    """0 if it holds, 1 if not, 2 if it is invalid."""
    reader = _ConditionReader(shell, expansion, list(tokens))
    try:
        return int(not reader.whole())
    except (ValueError, re.error, ArithmeticFault) as error:
        print(f"{shell.name}: [[: {error}", file=sys.stderr)
        return 1 if isinstance(error, ArithmeticFault) else USAGE


class _ConditionReader:
    """Reads and decides in one pass; what is skipped is read with `asked` false."""

    def __init__(self, shell: Shell, expansion: Expansion, ahead: list[str | Word]) -> None:
        self._shell = shell
        self._expansion = expansion
        self._ahead = ahead

    def whole(self) -> bool:
        held = self._either(asked=True)
        if self._ahead:
            raise ValueError("syntax error in conditional expression")
        return held

    def _either(self, *, asked: bool) -> bool:
        held = self._both(asked=asked)
        while self._ahead[:1] == ["||"]:
            del self._ahead[0]
            held = self._both(asked=asked and not held) or held
        return held

    def _both(self, *, asked: bool) -> bool:
        held = self._one(asked=asked)
        while self._ahead[:1] == ["&&"]:
            del self._ahead[0]
            held = self._one(asked=asked and held) and held
        return held

    def _one(self, *, asked: bool) -> bool:
        if self._ahead[:1] == ["!"]:
            del self._ahead[0]
            return not self._one(asked=asked)
        if self._ahead[:1] == ["("]:
            del self._ahead[0]
            held = self._either(asked=asked)
            if self._ahead[:1] != [")"]:
                raise ValueError('expecting ")"')
            del self._ahead[0]
            return held
        first = self._word()
        if first.bare in UNARY and self._ahead and isinstance(self._ahead[0], Word):
            operand = self._word()
            return asked and UNARY[first.bare](self._text(operand))
        sign = self._sign()
        if not sign:
            return asked and bool(self._text(first))
        second = self._word()
        return asked and self._compared(first, sign, second)

    def _word(self) -> Word:
        if not self._ahead or isinstance(self._ahead[0], str):
            raise ValueError("unexpected argument in conditional expression")
        word = self._ahead.pop(0)
        assert isinstance(word, Word)
        return word

    def _sign(self) -> str:
        """The binary operator that comes next; "" if none does."""
        found = self._ahead[0] if self._ahead else ""
        text = found.bare or "" if isinstance(found, Word) else found
        if text not in NUMBERS and text not in TEXTS and text != "=~":
            return ""
        del self._ahead[0]
        return text

    def _compared(self, first: Word, sign: str, second: Word) -> bool:
        left = self._text(first)
        if sign == "=~":
            return self._found(left, second)
        if sign in ("=", "==", "!="):
            return matches(self._expansion.pattern(second), left) == (sign != "!=")
        right = self._text(second)
        if sign in NUMBERS:
            return NUMBERS[sign](evaluate(left, self._shell), evaluate(right, self._shell))
        return TEXTS[sign](left, right)

    def _found(self, text: str, pattern: Word) -> bool:
        """Whether the expression occurs; its groups are in BASH_REMATCH."""
        found = expression(self._expansion.regular(pattern), extended=True).search(text)
        groups = () if found is None else (found[0], *(each or "" for each in found.groups()))
        self._shell.arrays["BASH_REMATCH"] = dict(enumerate(groups))
        return found is not None

    def _text(self, word: Word) -> str:
        return self._expansion.text(word)
