"""Programs that read and print text: grep, sed, head, tail, sort, tr, cut, wc, printf ...

The part of busybox that scripts in manifests use, with its options; other options are refused by
name.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator

_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "e": "\x1b",
}  # fmt: skip
_FORMAT = re.compile(r"%(%|[-+ #0]*(?:\d+|\*)?(?:\.\d+)?[bcdeEfgGiosuxX])")


def complain(name: str, about: str, error: OSError) -> int:
    """Report why a file cannot be used; 1."""
    sys.stdout.flush()
    print(f"{name}: {about}: {error.strerror}", file=sys.stderr)
    return 1


def options(argv: list[str], with_value: str = "") -> tuple[dict[str, str], list[str]]:
    """Letters given, with values for those of `with_value`, and the other words."""
    found: dict[str, str] = {}
    rest: list[str] = []
    ahead = iter(argv[1:])
    for word in ahead:
        if word == "--":
            rest += ahead
        elif not word.startswith("-") or word == "-" or (word[1:].isdigit() and "n" in with_value):
            if word.startswith("-") and word != "-":
                found["n"] = word[1:]
            else:
                rest.append(word)
        else:
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                found[letter] = ""
                if letter in with_value:
                    found[letter], letters = letters or next(ahead, ""), ""
    return found, rest


def lines(name: str, paths: Iterable[str], failed: list[int]) -> Iterator[tuple[str, str]]:
    """Each line with its newline and its file; a file that cannot be read is reported."""
    for path in list(paths) or ["-"]:
        try:
            with open(0 if path == "-" else path, errors="replace", closefd=path != "-") as file:
                for line in file:
                    yield path, line
        except OSError as error:
            failed.append(complain(name, path, error))


def expression(text: str, *, extended: bool, ignore_case: bool = False) -> re.Pattern[str]:
    """A POSIX expression converted to Python's: basic ones escape what extended ones do not."""
    if not extended:
        text = re.sub(
            r"\\([(){}|+?])|([(){}|+?])|(\\.|\[\^?\]?[^\]]*\])",
            lambda m: m[1] or (f"\\{m[2]}" if m[2] else m[3]),
            text,
        )
    for name, inside in (("digit", "0-9"), ("alpha", "A-Za-z"), ("alnum", "A-Za-z0-9"),
                         ("space", r"\s"), ("upper", "A-Z"), ("lower", "a-z")):  # fmt: skip
        text = text.replace(f"[:{name}:]", inside)
    return re.compile(text, re.IGNORECASE if ignore_case else 0)


def grep_(argv: list[str]) -> int:
    """Print matching lines: -c -E -F -h -H -i -l -n -o -q -r -v -w -x, -e PATTERN."""
    given, rest = options(argv, "emABC")
    patterns = [given["e"]] if "e" in given else rest[:1]
    paths = rest if "e" in given else rest[1:]
    extended = "E" in given or "P" in given or argv[0].endswith("egrep")
    try:
        fitting = [
            expression(_whole(re.escape(p) if "F" in given else p, given),
                       extended=extended or "F" in given, ignore_case="i" in given)
            for p in "\n".join(patterns).split("\n")
        ]  # fmt: skip
    except re.error as error:
        print(f"grep: bad regex '{patterns[0]}': {error}", file=sys.stderr)
        return 2
    if "r" in given or "R" in given:
        paths = [path for top in paths or ["."] for path in _files_below(top)]
    named = ("H" in given or len(paths) > 1 or "r" in given) and "h" not in given
    failed: list[int] = []
    count: dict[str, int] = {path: 0 for path in paths or ["-"]}
    number: dict[str, int] = {}
    for path, line in lines("grep", paths, failed):
        number[path] = number.get(path, 0) + 1
        text = line.rstrip("\n")
        hits = [hit for each in fitting for hit in each.finditer(text)]
        if bool(hits) == ("v" in given):
            continue
        count[path] += 1
        if "q" in given:
            return 0
        if "m" in given and count[path] > int(given["m"]):
            continue
        if "c" in given or "l" in given:
            continue
        prefix = f"{path}:" * named + f"{number[path]}:" * ("n" in given)
        for out in [hit[0] for hit in hits if hit[0]] if "o" in given else [text]:
            print(prefix + out)
    for path, hits_there in count.items():
        if "l" in given and hits_there:
            print(path)
        elif "c" in given:
            print(f"{path}:" * named + str(hits_there))
    return 2 if failed else int(not any(count.values()))


def _whole(text: str, given: dict[str, str]) -> str:
    if "w" in given:
        return rf"\b{text}\b"
    return f"^{text}$" if "x" in given else text


def _files_below(top: str) -> list[str]:
    if not os.path.isdir(top):
        return [top]
    return sorted(os.path.join(at, name) for at, _, names in os.walk(top) for name in names)


def head_(argv: list[str]) -> int:
    """Print the first lines (-n, 10) or bytes (-c)."""
    given, paths = options(argv, "nc")
    if "c" in given:
        for path in paths or ["-"]:
            sys.stdout.flush()
            os.write(1, _bytes(path, _size(given["c"])))
        return 0
    failed: list[int] = []
    for path in paths or ["-"]:
        for _, line in itertools.islice(lines("head", [path], failed), int(given.get("n") or 10)):
            sys.stdout.write(line)
    return max(failed, default=0)


def tail_(argv: list[str]) -> int:
    """Print the last lines (-n, 10; +N: from that line on) or bytes (-c); -f follows."""
    given, paths = options(argv, "nc")
    failed: list[int] = []
    for path in paths or ["-"]:
        text = [line for _, line in lines("tail", [path], failed)]
        wanted = given.get("n") or "10"
        if "c" in given:
            sys.stdout.write("".join(text)[-_size(given["c"]) :])
        elif wanted.startswith("+"):
            sys.stdout.writelines(text[int(wanted) - 1 :])
        else:
            sys.stdout.writelines(text[-int(wanted) :] if int(wanted) else [])
    sys.stdout.flush()
    if "f" in given or "F" in given:
        _follow(paths or ["/dev/null"])
    return max(failed, default=0)


def _follow(paths: list[str]) -> None:
    places = {path: os.path.getsize(path) if os.path.exists(path) else 0 for path in paths}
    while True:
        for path, place in places.items():
            if os.path.exists(path):
                with open(path, errors="replace") as file:
                    file.seek(place)
                    sys.stdout.write(file.read())
                    sys.stdout.flush()
                    places[path] = file.tell()
        time.sleep(0.2)


def _size(text: str) -> int:
    units = {"b": 512, "k": 1 << 10, "K": 1 << 10, "m": 1 << 20, "M": 1 << 20, "G": 1 << 30}
    return int(text.rstrip("bkKmMG")) * units.get(text[-1:], 1)


def _bytes(path: str, most: int) -> bytes:
    with open(0 if path == "-" else path, "rb", closefd=path != "-", buffering=0) as file:
        out = b""
        while len(out) < most and (piece := file.read(most - len(out))):
            out += piece
    return out


def wc_(argv: list[str]) -> int:
    """Count lines, words and bytes: -l -w -c."""
    given, paths = options(argv)
    for path in paths or ["-"]:
        try:
            with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
                data = file.read()
        except OSError as error:
            return complain("wc", path, error)
        counts = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}
        shown = [str(counts[key]) for key in "lwc" if key in given or not given]
        print(" ".join([*shown, *([path] if path != "-" else [])]))
    return 0


def sort_(argv: list[str]) -> int:
    """Sort lines: -n -r -u, -k FIELD, -t SEPARATOR."""
    given, paths = options(argv, "kt")
    failed: list[int] = []
    found = [line.rstrip("\n") for _, line in lines("sort", paths, failed)]

    def key(line: str) -> tuple[float, str]:
        if "k" in given:
            parts = line.split(given.get("t") or None)
            at = int(re.match(r"\d+", given["k"])[0]) - 1  # type: ignore[index]
            line = parts[at] if at < len(parts) else ""
        number = re.match(r"\s*-?\d+(\.\d+)?", line)
        return (float(number[0]) if "n" in given and number else 0.0, line)

    found = sorted(set(found) if "u" in given else found, key=key, reverse="r" in given)
    sys.stdout.writelines(f"{line}\n" for line in found)
    return max(failed, default=0)


def uniq_(argv: list[str]) -> int:
    """Drop repeated lines: -c counts, -d only repeated, -u only single ones."""
    given, paths = options(argv)
    failed: list[int] = []
    for line, same in itertools.groupby(line for _, line in lines("uniq", paths[:1], failed)):
        count = len(list(same))
        if ("d" in given and count == 1) or ("u" in given and count > 1):
            continue
        sys.stdout.write(f"{count:7} {line}" if "c" in given else line)
    return max(failed, default=0)


def cut_(argv: list[str]) -> int:
    """Print parts of lines: -f or -c with lists as 1,3-5; -d the separator."""
    given, paths = options(argv, "dfcb")
    failed: list[int] = []
    separator = given.get("d") or "\t"
    for _, line in lines("cut", paths, failed):
        text = line.rstrip("\n")
        if "f" not in given:
            print("".join(_chosen(list(text), given.get("c") or given.get("b") or "1-")))
        elif separator in text:
            print(separator.join(_chosen(text.split(separator), given["f"])))
        elif "s" not in given:
            print(text)
    return max(failed, default=0)


def _chosen(parts: list[str], wanted: str) -> list[str]:
    kept: set[int] = set()
    for piece in wanted.split(","):
        first, dash, last = piece.partition("-")
        end = int(last) if last else (len(parts) if dash else int(first))
        kept |= set(range(int(first or 1) - 1, end))
    return [part for at, part in enumerate(parts) if at in kept]


def tr_(argv: list[str]) -> int:
    """Translate characters; -d deletes, -s squeezes, -c takes all others."""
    given, sets = options(argv)
    first = _set(sets[0])
    second = _set(sets[1]) if len(sets) > 1 else ""
    text = open(0, errors="replace", closefd=False).read()  # noqa: SIM115
    if "c" in given or "C" in given:
        first = "".join(sorted(set(text) - set(first)))
        second = second[-1:] * len(first)
    if "d" in given:
        text = text.translate({ord(char): None for char in first})
    elif second:
        padded = second + second[-1] * (len(first) - len(second))
        text = text.translate(dict(zip(map(ord, first), padded, strict=False)))
    if "s" in given:
        text = re.sub(f"([{re.escape(second or first)}])\\1+", r"\1", text)
    sys.stdout.write(text)
    return 0


_CLASSES = {
    "lower": "a-z", "upper": "A-Z", "digit": "0-9", "alpha": "A-Za-z", "alnum": "A-Za-z0-9",
    "space": " \t\n\r", "punct": "!-/:-@",
}  # fmt: skip


def _set(text: str) -> str:
    for name, members in _CLASSES.items():
        text = text.replace(f"[:{name}:]", members)
    return re.sub(
        r"(.)-(.)",
        lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))),
        unescaped(text),
        flags=re.DOTALL,
    )


def unescaped(text: str) -> str:
    """Backslash escapes as in `printf` and `echo -e`."""

    def value(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in "01234567":
            return chr(int(body, 8) & 0xFF)
        return chr(int(body[1:], 16)) if body[0] == "x" else _ESCAPES[body]

    return re.sub(r"\\([0-7]{1,4}|x[0-9a-fA-F]{1,2}|[ntr\\abfve])", value, text)


def printf_(argv: list[str]) -> int:
    """Print by a format, repeated until all arguments are used."""
    if len(argv) < 2:
        print("printf: usage: printf FORMAT [ARGUMENT...]", file=sys.stderr)
        return 1
    form, rest, code = unescaped(argv[1]), list(argv[2:]), [0]
    while True:
        before = len(rest)
        sys.stdout.write(_FORMAT.sub(lambda m: _formatted(m[1], rest, code), form))
        if not rest or len(rest) == before:
            return code[0]


def _formatted(spec: str, rest: list[str], code: list[int]) -> str:
    if spec == "%":
        return "%"
    if "*" in spec:
        spec = spec.replace("*", rest.pop(0) if rest else "0")
    text, kind = (rest.pop(0) if rest else ""), spec[-1]
    if kind in "sbc":
        text = unescaped(text) if kind == "b" else text
        return f"%{spec[:-1]}s" % (text[:1] if kind == "c" else text)
    try:
        number = float(text or 0) if kind in "eEfgG" else _integer(text or "0")
    except ValueError:
        print(f"printf: {text}: invalid number", file=sys.stderr)
        code[0], number = 1, 0
    return f"%{spec.replace('i', 'd').replace('u', 'd')}" % number


def _integer(text: str) -> int:
    if text[:1] in ("'", '"'):
        return ord(text[1:2] or "\0")
    return int(text, 8 if re.fullmatch(r"[-+]?0\d+", text) else 0)


def seq_(argv: list[str]) -> int:
    """Print numbers: LAST, FIRST LAST or FIRST STEP LAST; -s SEPARATOR, -w equal widths."""
    given, words = options([argv[0], *(word for word in argv[1:])], "s") if not any(
        re.fullmatch(r"-\d+", word) for word in argv[1:]
    ) else ({}, argv[1:])  # fmt: skip
    numbers = [float(word) if "." in word else int(word) for word in words]
    first = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) > 2 else 1
    found, value = [], first
    while step and (value <= numbers[-1] if step > 0 else value >= numbers[-1]):
        found.append(f"{value:g}" if isinstance(value, float) else str(value))
        value += step
    width = max(map(len, found), default=0) if "w" in given else 0
    if found:
        print((given.get("s") or "\n").join(text.rjust(width, "0") for text in found))
    return 0


def tee_(argv: list[str]) -> int:
    """Copy stdin to stdout and to files; -a appends."""
    given, paths = options(argv)
    targets = [open(path, "ab" if "a" in given else "wb") for path in paths]  # noqa: SIM115
    sys.stdout.flush()
    while piece := os.read(0, 1 << 16):
        os.write(1, piece)
        for target in targets:
            target.write(piece)
            target.flush()
    return 0


def base64_(argv: list[str]) -> int:
    """Encode; -d decodes, -w COLUMNS wraps (76)."""
    given, paths = options(argv, "w")
    data = _bytes(paths[0] if paths else "-", 1 << 62)
    if "d" in given or "D" in given:
        sys.stdout.flush()
        os.write(1, base64.b64decode(data))
        return 0
    width = int(given.get("w") or 76)
    text = base64.b64encode(data).decode()
    pieces = [text[at : at + width] for at in range(0, len(text), width)] if width else [text]
    print("\n".join(pieces), end="\n" if width else "")
    return 0


def _digest(kind: str) -> Callable[[list[str]], int]:
    def run(argv: list[str]) -> int:
        for path in options(argv)[1] or ["-"]:
            try:
                print(f"{hashlib.new(kind, _bytes(path, 1 << 62)).hexdigest()}  {path}")
            except OSError as error:
                return complain(argv[0], path, error)
        return 0

    return run


md5sum_ = _digest("md5")
sha1sum_ = _digest("sha1")
sha256sum_ = _digest("sha256")
sha512sum_ = _digest("sha512")


def rev_(argv: list[str]) -> int:
    """Print lines backwards."""
    failed: list[int] = []
    for _, line in lines("rev", argv[1:], failed):
        print(line.rstrip("\n")[::-1])
    return max(failed, default=0)


def expr_(argv: list[str]) -> int:
    """Calculate with whole numbers and compare: `expr 1 + 2`."""
    from resilience.sandbox.images.sh.shell_arithmetic import ArithmeticFault, evaluate

    class Nothing:
        def variable(self, name: str) -> str | None:
            return None

        def assign(self, name: str, value: str) -> None:
            """Expressions of `expr` set no variables."""

    try:
        value = evaluate(" ".join("==" if word == "=" else word for word in argv[1:]), Nothing())
    except ArithmeticFault as error:
        print(f"expr: {error}", file=sys.stderr)
        return 2
    print(value)
    return int(value == 0)


def yes_(argv: list[str]) -> int:
    """Print a word for ever."""
    text = " ".join(argv[1:]) or "y"
    while True:
        print(text)
