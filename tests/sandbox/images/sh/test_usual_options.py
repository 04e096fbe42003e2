"""Options that commands in manifests use: each line ends with 0, and prints what it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.images.sh.running import sh

LINES = [
    ("mkdir -pv a/b; mkdir -m 700 c; stat -c %a c", "created directory: 'a/b'\n700\n"),
    ("mkdir -p d/e && ln -s d l && rm -rf l && ls -d d/e; rm -rfv d none", "d/e\nremoved 'd'\n"),
    ("A=1 env -u A sh -c 'echo ${A-none}'; env -i B=2 env", "none\nB=2\n"),
    ("echo Hello > f; grep --color=auto -i hello f; grep --color Hello f", "Hello\nHello\n"),
    ("echo Hello > f; sed -i.bak s/H/J/ f; cat f f.bak", "Jello\nHello\n"),
    ("echo Hello > f; sed --in-place=.old -e s/H/J/ f; cat f f.old", "Jello\nHello\n"),
    ("echo Hello > f; sed -ni p f; cat f; sed -i -e s/H/J/ f; cat f", "Hello\nJello\n"),
    ("touch f; [ -O f ] && [ -G f ] && ! [ -O none ] && ! [ -G none ] && echo own", "own\n"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "output"), LINES)
def test_a_usual_option_does_what_it_does_elsewhere(line: str, output: str, tmp_path: Path) -> None:
    assert sh("-c", line, cwd=tmp_path) == (output, 0)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("mkdir -m rwx a", "invalid mode"),
        ("mkdir -z a", "'z'"),
        ("rm --everything a", "--everything"),
    ],
)
def test_an_option_that_is_not_known_is_refused_by_name(
    line: str, why: str, tmp_path: Path
) -> None:
    output, code = sh("-c", f"{line} 2>&1", cwd=tmp_path)
    assert code != 0
    assert why in output
