"""Limits, and names that keep their value."""

from __future__ import annotations

import pytest

from tests.sandbox.images.sh.running import sh

SCRIPTS = [
    ("ulimit -Sn 100; ulimit -n; ulimit -c 0; ulimit -c; ulimit -t", "100\n0\nunlimited\n", 0),
    ("ulimit -Sn 64; ulimit -Hn 128; ulimit -n; ulimit -Hn; ulimit -n 999", "64\n128\n", 1),
    ("ulimit -v 4194304; ulimit -v; ulimit -a | grep -c '^-'", "4194304\n10\n", 0),
    ("ulimit -Z; echo $?; ulimit -n many; echo $?", "1\n1\n", 0),
    ("times | wc -l; umask 027; umask; (umask 077; umask); umask", "2\n0027\n0077\n0027\n", 0),
    ("readonly R=1; echo $R; R=2; echo no", "1\n", 2),
    ("readonly A; export A=3; echo no", "", 2),
    ("readonly A=1; unset A; echo no", "", 2),
    ("B=2; readonly B; readonly | grep B; sh -c 'echo [$B]'", "readonly B='2'\n[]\n", 0),
    ("let x=2+3 y=x*2; echo $? $x $y; let 0; echo $?; hash -r", "0 5 10\n1\n", 0),
]  # fmt: skip


@pytest.mark.parametrize(("script", "output", "code"), SCRIPTS)
def test_limits_and_constants_are_those_of_another_shell(
    script: str, output: str, code: int
) -> None:
    assert sh("-c", script) == (output, code)
