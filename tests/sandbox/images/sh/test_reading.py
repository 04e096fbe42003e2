"""`read` and `getopts`: what dash makes of the same scripts."""

from __future__ import annotations

import pytest

from tests.sandbox.images.sh.running import sh

OPTIONS = "while getopts ab: o; do echo $o $OPTARG; done; shift $((OPTIND-1)); echo $1 $OPTIND"
SCRIPTS = [
    ("echo 'a:b,c' | { IFS=:, read x y; echo \"$x|$y\"; }", "a|b,c\n"),
    ("echo 'a::b' | { IFS=: read x y z; echo \"$x|$y|$z\"; }", "a||b\n"),
    ("echo ' a  b ' | { read x; echo \"[$x]\"; }", "[a  b]\n"),
    ("echo ' x y z ' | { read a b; echo \"[$a][$b]\"; }", "[x][y z]\n"),
    ("echo 'a b:' | { IFS=: read x; echo \"[$x]\"; }", "[a b]\n"),
    ("echo 'a:b:c:' | { IFS=: read a b; echo \"[$a][$b]\"; }", "[a][b:c:]\n"),
    ("printf 'a\\\\\\nb\\n' | { read x; echo $x; }", "ab\n"),
    ("echo Hello | { read -p 'name: ' x; echo $x; }", "Hello\n"),
    ("printf abc | { read -n 2 x; echo $x; }", "ab\n"),
    ("printf 'a;b' | { read -d ';' x; echo $x; }", "a\n"),
    ("sleep 5 | { read -t 0.1 x; echo $?; }", "1\n"),
    (f"set -- -a -b val rest; {OPTIONS}", "a\nb val\nrest 4\n"),
    (f"set -- -abfoo -- -c; {OPTIONS}", "a\nb foo\n-c 3\n"),
    (f"set -- - -a; {OPTIONS}", "- 1\n"),
    (f"set -- -x -b; {OPTIONS}", "?\n?\n3\n"),
    ("set -- -x -b; while getopts :ab: o; do echo $o $OPTARG; done; echo $OPTIND", "? x\n: b\n3\n"),
    (
        'f() { OPTIND=1; while getopts n: o "$@"; do echo $o $OPTARG; done; }; f -n 1 -n2; f -n3',
        "n 1\nn 2\nn 3\n",
    ),
]


@pytest.mark.parametrize(("script", "output"), SCRIPTS)
def test_lines_and_options_are_read_as_by_another_shell(script: str, output: str) -> None:
    assert sh("-c", script) == (output, 0)
