"""Programs that print lines of files, parts of them or their number: head, tail, sort, wc ..."""

from __future__ import annotations

import itertools
import os
import re
import sys
import time

from resilience.sandbox.images.text.command_line import complain, content, lines, options


def head_(argv: list[str]) -> int:
    """Print the first lines (-n, 10) or bytes (-c)."""
    given, paths = options(argv, "nc")
    if "c" in given:
        for path in paths or ["-"]:
            sys.stdout.flush()
            os.write(1, content(path, _size(given["c"])))
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


def rev_(argv: list[str]) -> int:
    """Print lines backwards."""
    failed: list[int] = []
    for _, line in lines("rev", argv[1:], failed):
        print(line.rstrip("\n")[::-1])
    return max(failed, default=0)
