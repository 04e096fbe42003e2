"""`find`: the files below directories that fit, and what to do with them."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator

from resilience.sandbox.images.files.dates import clock_of_container
from resilience.sandbox.images.files.find_terms import Terms, Visited
from resilience.sandbox.images.text.command_line import Refused, complain


def find_(argv: list[str]) -> int:
    """-name -iname -path -regex -type -size -mtime -mmin -newer -newermt -perm -user -empty -links
    -inum, ! -a -o ( ), -maxdepth -mindepth -depth -prune, -print -print0 -exec -delete -quit."""
    words, follow = argv[1:], False
    while words and words[0] in ("-L", "-H", "-P"):
        follow = words.pop(0) != "-P"
    at = next((at for at, word in enumerate(words) if word[:1] in "-!(" and word), len(words))
    terms = Terms(words[at:], _run)
    try:
        with clock_of_container():
            fits = terms.whole()
    except ValueError as error:
        raise Refused(str(error)) from None
    for top in words[:at] or ["."]:
        for place in _visited(top, top, 0, terms, follow):
            if place.depth >= terms.least:
                fits(place)
    sys.stdout.flush()
    for command, files in terms.later:
        if files and _run([*command, *files]):
            terms.failed.append(1)
    return max(terms.failed, default=0)


def _visited(top: str, path: str, depth: int, terms: Terms, follow: bool) -> Iterator[Visited]:
    try:
        about = os.stat(path) if follow and os.path.exists(path) else os.lstat(path)
    except OSError as error:
        terms.failed.append(complain("find", path, error))
        return
    place = Visited(path, top, about, depth)
    if not terms.deep:
        yield place
    if stat.S_ISDIR(about.st_mode) and depth < terms.most and not place.pruned:
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            terms.failed.append(complain("find", path, error))
            names = []
        for name in names:
            inner = path + name if path.endswith("/") else f"{path}/{name}"
            yield from _visited(top, inner, depth + 1, terms, follow)
    if terms.deep:
        yield place


def _run(words: list[str]) -> int:
    from resilience.sandbox.images.sh.shell import Shell
    from resilience.sandbox.images.sh.shell_control import wait_for

    shell = Shell("find")
    return wait_for(shell.fork(lambda: shell.program(words)))
