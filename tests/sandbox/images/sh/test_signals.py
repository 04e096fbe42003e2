"""`kill`, `trap`, `wait` and `$$`: outputs and exit codes as dash and bash give them."""

from __future__ import annotations

import pytest

from resilience.sandbox.images.sh.builtins.kill import kill
from tests.sandbox.images.sh.running import sh

SCRIPTS = [
    ("kill -0 $$; echo $?; kill -s 0 $$", "0\n", 0),
    ("kill -l 15; kill -l 143; kill -l TERM", "TERM\nTERM\n15\n", 0),
    ("(sleep 5) & kill -9 $!; wait $!; echo $?", "137\n", 0),
    ("sleep 5 & sleep 5 & kill %1 %2; wait; echo done", "done\n", 0),
    (
        'trap "echo bye; exit 0" TERM; (sleep 0.3; kill -TERM $$) & while :; do sleep 0.1; done',
        "bye\n", 0,
    ),
    ("trap 'echo int' INT; kill -INT $$; trap 'echo exit' EXIT; exit 4", "int\nexit\n", 4),
    ("trap 'echo x' TERM; sleep 5 & kill $!; wait $!; echo $?", "143\n", 0),
    ("trap '' TERM; (kill -TERM $$; echo alive); kill -TERM $$; echo still", "alive\nstill\n", 0),
    ("x=1; trap 'x=2' USR1; kill -USR1 $$; echo $x", "2\n", 0),
    ("trap 'echo outer' EXIT; kill 0; echo no", "", -15),
    ("sh -c 'kill $$; echo no'; echo $?", "143\n", 0),
    ("sh -c 'trap \"echo t; exit 5\" TERM; kill $$; echo no'; echo $?", "t\n5\n", 0),
    ("p=$$; (echo $$; [ $$ = $p ] && echo same) | tail -n 1", "same\n", 0),
    ("sh -c 'return 3'; echo $?", "3\n", 0),
]  # fmt: skip


@pytest.mark.parametrize(("script", "output", "code"), SCRIPTS)
def test_a_script_ends_as_in_another_shell(script: str, output: str, code: int) -> None:
    assert sh("-c", script) == (output, code)


def test_an_inner_shell_that_is_executed_takes_the_place_of_the_outer_one() -> None:
    assert sh("-c", "p=$$; exec sh -c '[ $$ = '$p' ] && echo same'") == ("same\n", 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["kill"], "kill: you need to specify whom to kill"),
        (["kill", "-NOTHERE", "1"], "kill: bad signal name 'NOTHERE'"),
        (["kill", "-9", "x"], "kill: invalid number 'x'"),
        (["kill", "%3"], "kill: invalid number '%3'"),
        (["kill", "-l", "nothere"], "kill: unknown signal 'nothere'"),
        (["kill", "999999"], "kill: can't kill pid 999999: No such process"),
        (["kill", "-9", "1"], "kill: can't kill pid 1: No such process"),
    ],
)
def test_what_cannot_be_killed_is_said(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kill(words) == 1
    assert capsys.readouterr().err == f"{said}\n"
