"""The conditions and actions of `find`, as one function on a file."""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from resilience.sandbox.images.files.dates import moment
from resilience.sandbox.images.files.owners import user_name
from resilience.sandbox.images.text.command_line import Refused

TYPES = {
    "f": stat.S_ISREG, "d": stat.S_ISDIR, "l": stat.S_ISLNK, "p": stat.S_ISFIFO,
    "s": stat.S_ISSOCK, "c": stat.S_ISCHR, "b": stat.S_ISBLK,
}  # fmt: skip
SIZES = {"": 512, "b": 512, "c": 1, "w": 2, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(slots=True)
class Visited:
    """One file that is visited."""

    path: str
    top: str
    about: os.stat_result
    depth: int
    pruned: bool = False


Test = Callable[[Visited], bool]


@dataclass(slots=True)
class Terms:
    """The words after the paths, read once."""

    words: list[str]
    run: Callable[[list[str]], int]
    deep: bool = False
    least: int = 0
    most: int = sys.maxsize
    acts: bool = False
    later: list[tuple[list[str], list[str]]] = field(default_factory=list)
    """Commands of `-exec ... +` and the files for them."""
    failed: list[int] = field(default_factory=list)
    now: float = field(default_factory=time.time)

    def whole(self) -> Test:
        """The condition of all words; it prints where no action is named."""
        fits = self._either() if self.words else _always
        if self.words:
            raise Refused(f"unexpected '{self.words[0]}'")
        return fits if self.acts else _both(fits, _printed)

    def _either(self) -> Test:
        fits = self._all()
        while self.words and self.words[0] in ("-o", "-or"):
            self.words.pop(0)
            fits = _or(fits, self._all())
        return fits

    def _all(self) -> Test:
        fits = self._one()
        while self.words and self.words[0] not in ("-o", "-or", ")"):
            if self.words[0] in ("-a", "-and"):
                self.words.pop(0)
            fits = _both(fits, self._one())
        return fits

    def _one(self) -> Test:
        word = self._value("an expression")
        if word in ("!", "-not"):
            inner = self._one()
            return lambda place: not inner(place)
        if word == "(":
            fits = self._either()
            if self._value("(") != ")":
                raise Refused("missing ')'")
            return fits
        action = getattr(self, f"_act_{word[1:]}", None) if word.startswith("-") else None
        if action is not None:
            self.acts = True
            return action()  # type: ignore[no-any-return]
        test = getattr(self, f"_test_{word[1:]}", None) if word.startswith("-") else None
        if test is None:
            raise Refused(f"unrecognized: {word}")
        return test()  # type: ignore[no-any-return]

    def _value(self, of: str) -> str:
        if not self.words:
            raise Refused(f"'{of}' needs a value")
        return self.words.pop(0)

    # -- actions ---------------------------------------------------------------------------------

    def _act_print(self) -> Test:
        return _printed

    def _act_print0(self) -> Test:
        return lambda place: _put(place.path + "\0")

    def _act_prune(self) -> Test:
        self.acts = False

        def prune(place: Visited) -> bool:
            place.pruned = True
            return True

        return prune

    def _act_quit(self) -> Test:
        def leave(place: Visited) -> bool:
            raise SystemExit(max(self.failed, default=0))

        return leave

    def _act_delete(self) -> Test:
        self.deep = True

        def delete(place: Visited) -> bool:
            try:
                if stat.S_ISDIR(place.about.st_mode):
                    if place.path not in (".", ".."):
                        os.rmdir(place.path)
                else:
                    os.unlink(place.path)
            except OSError as error:
                print(f"find: {place.path}: {error.strerror}", file=sys.stderr)
                self.failed.append(1)
                return False
            return True

        return delete

    def _act_exec(self) -> Test:
        command: list[str] = []
        while (word := self._value("-exec")) not in (";", "+") or (
            word == "+" and command[-1:] != ["{}"]
        ):
            command.append(word)
        if not command:
            raise Refused("'-exec' needs a command")
        if word == ";":
            return lambda place: not self.run([part.replace("{}", place.path) for part in command])
        files: list[str] = []
        self.later.append((command[:-1], files))

        def collect(place: Visited) -> bool:
            files.append(place.path)
            return True

        return collect

    # -- conditions ------------------------------------------------------------------------------

    def _test_true(self) -> Test:
        return _always

    def _test_false(self) -> Test:
        return lambda place: False

    def _test_depth(self) -> Test:
        self.deep = True
        return _always

    def _test_maxdepth(self) -> Test:
        self.most = int(self._value("-maxdepth"))
        return _always

    def _test_mindepth(self) -> Test:
        self.least = int(self._value("-mindepth"))
        return _always

    def _test_xdev(self) -> Test:
        return _always

    def _test_name(self) -> Test:
        form = self._value("-name")
        return lambda place: fnmatchcase(_base(place.path), form)

    def _test_iname(self) -> Test:
        form = self._value("-iname").lower()
        return lambda place: fnmatchcase(_base(place.path).lower(), form)

    def _test_path(self) -> Test:
        form = self._value("-path")
        return lambda place: fnmatchcase(place.path, form)

    def _test_regex(self) -> Test:
        from resilience.sandbox.images.matching.posix_expressions import expression

        form = expression(self._value("-regex"), extended=False)
        return lambda place: form.fullmatch(place.path) is not None

    def _test_type(self) -> Test:
        kinds = self._value("-type").split(",")
        if set(kinds) - TYPES.keys():
            raise Refused(f"invalid type '{','.join(kinds)}'")
        return lambda place: any(TYPES[kind](place.about.st_mode) for kind in kinds)

    def _test_empty(self) -> Test:
        def empty(place: Visited) -> bool:
            if stat.S_ISDIR(place.about.st_mode):
                return not os.listdir(place.path)
            return stat.S_ISREG(place.about.st_mode) and not place.about.st_size

        return empty

    def _test_perm(self) -> Test:
        text = self._value("-perm")
        digits = text.lstrip("-/+")
        if re.fullmatch(r"[0-7]+", digits) is None:
            raise Refused(f"invalid mode '{text}': octal modes are understood")
        bits = int(digits, 8)
        if text[0] == "-":
            return lambda place: place.about.st_mode & bits == bits
        if text[0] in "/+":
            return lambda place: not bits or bool(place.about.st_mode & bits)
        return lambda place: stat.S_IMODE(place.about.st_mode) == bits

    def _test_user(self) -> Test:
        user = self._value("-user")
        return lambda place: user in (str(place.about.st_uid), user_name(place.about.st_uid))

    def _test_links(self) -> Test:
        fits = _number(self._value("-links"))
        return lambda place: fits(place.about.st_nlink)

    def _test_inum(self) -> Test:
        fits = _number(self._value("-inum"))
        return lambda place: fits(place.about.st_ino)

    def _test_size(self) -> Test:
        """As busybox counts: bytes, without rounding up to whole units as GNU's find does."""
        found = re.fullmatch(r"([-+]?)(\d+)([bcwkMG]?)", self._value("-size"))
        if found is None:
            raise Refused("invalid number of '-size'")
        fits = _number(f"{found[1]}{int(found[2]) * SIZES[found[3]]}")
        return lambda place: fits(place.about.st_size)

    def _test_mmin(self) -> Test:
        fits = _number(self._value("-mmin"))
        return lambda place: fits(int((self.now - place.about.st_mtime) // 60))

    def _test_mtime(self) -> Test:
        fits = _number(self._value("-mtime"))
        return lambda place: fits(int((self.now - place.about.st_mtime) // 86400))

    def _test_newer(self) -> Test:
        file = self._value("-newer")
        try:
            than = os.stat(file).st_mtime_ns
        except OSError as error:
            raise Refused(f"{file}: {error.strerror}") from None
        return lambda place: place.about.st_mtime_ns > than

    def _test_newermt(self) -> Test:
        than = moment(self._value("-newermt"), now=self.now)
        return lambda place: place.about.st_mtime > than


def _number(text: str) -> Callable[[int], bool]:
    """+N more, -N less, N exactly."""
    if re.fullmatch(r"[-+]?\d+", text) is None:
        raise Refused(f"invalid number '{text}'")
    count = int(text.lstrip("-+"))
    if text[0] == "+":
        return lambda value: value > count
    return (lambda value: value < count) if text[0] == "-" else (lambda value: value == count)


def _always(place: Visited) -> bool:
    return True


def _both(one: Test, two: Test) -> Test:
    return lambda place: one(place) and two(place)


def _or(one: Test, two: Test) -> Test:
    return lambda place: one(place) or two(place)


def _printed(place: Visited) -> bool:
    return _put(f"{place.path}\n")


def _put(text: str) -> bool:
    sys.stdout.write(text)
    return True


def _base(path: str) -> str:
    return os.path.basename(path.rstrip("/")) or path
