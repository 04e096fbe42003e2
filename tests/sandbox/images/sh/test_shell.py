"""Scripts, with what the shell of a Debian machine makes of them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from resilience.sandbox.images.sh import shell_parser
from resilience.sandbox.images.sh.shell import Shell
from resilience.sandbox.images.sh.shell_builtins import BUILTINS
from resilience.sandbox.images.sh.shell_words import ShellSyntaxError, Unclosed
from tests.sandbox.images.sh.running import sh

SCRIPTS = [
    ("echo hello | cat", "hello\n", 0),
    ("echo a b c | tr ' ' '\\n' | sort -r | head -n 2", "c\nb\n", 0),
    ("for i in 1 2 3; do echo $i; done", "1\n2\n3\n", 0),
    (
        "i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 3 ] && continue;"
        " [ $i -eq 5 ] && break; echo $i; done",
        "1\n2\n4\n",
        0,
    ),
    (
        "if [ -d /tmp ]; then echo dir; elif [ -f /tmp ]; then echo file; else echo none; fi",
        "dir\n",
        0,
    ),
    ("case abc in a*) echo A;; b|c) echo B;; *) echo other;; esac", "A\n", 0),
    ('f() { echo "f: $1 $#"; return 3; }; f x y; echo $?', "f: x 2\n3\n", 0),
    ('x=$(echo a; echo b); echo "$x"; echo $x', "a\nb\na b\n", 0),
    ("z=/a/b/c.txt; echo ${z##*/} ${z%.txt} ${z#*/} ${z%%/*}", "c.txt /a/b/c a/b/c.txt\n", 0),
    ("echo `echo back`", "back\n", 0),
    ("(cd /; pwd); pwd >/dev/null", "/\n", 0),
    (
        "echo one > fc; echo two >> fc; cat < fc; wc -l < fc; rm fc",
        "one\ntwo\n2\n",
        0,
    ),
    ("cat <<EOT\nvalue $((1+2*3)) $(echo sub)\nEOT", "value 7 sub\n", 0),
    ("printf '%s=%d\\n' a 1 b 2", "a=1\nb=2\n", 0),
    ("printf 'x%03dy\\n' 7", "x007y\n", 0),
    ('seq 3 | while read n; do echo "n=$n"; done', "n=1\nn=2\nn=3\n", 0),
    ('echo "a  b" | { read one two; echo "$two,$one"; }', "b,a\n", 0),
    ("false || echo or; true && echo and; ! true; echo $?", "or\nand\n1\n", 0),
    ("set -e; false || true; echo still", "still\n", 0),
    (
        'set -- a "b c" d; echo $#; for x in "$@"; do echo "[$x]"; done; shift; echo $1',
        "3\n[a]\n[b c]\n[d]\nb c\n",
        0,
    ),
    ('echo \'single $x\' "double \\$x \\"q\\""', 'single $x double $x "q"\n', 0),
    ("a=1 b=2; echo $a$b; unset a; echo ${a-unset}", "12\nunset\n", 0),
    ("trap 'echo bye' EXIT; echo hi", "hi\nbye\n", 0),
    ("exit 7", "", 7),
    ("sleep 0.1 & wait; echo waited", "waited\n", 0),
    ("echo x | grep -q x && echo found", "found\n", 0),
    ("echo 'foo bar' | sed 's/o/0/g;s/bar/baz/'", "f00 baz\n", 0),
    ("printf 'a\\nb\\nc\\n' | sed -n '2p'", "b\n", 0),
    ("printf 'a 1\\nb 2\\n' | awk '{print $2}'", "1\n2\n", 0),
    ("echo a:b:c | cut -d: -f2", "b\n", 0),
    ("test 1 -lt 2 && echo less; [ ! -e /nonexistent ] && echo no", "less\nno\n", 0),
    ("echo $((5 % 3)) $((2 > 1)) $(( (1 + 2) * 3 ))", "2 1 9\n", 0),
    ("eval 'q=5; echo $q'", "5\n", 0),
    ('until [ "$u" = xxx ]; do u=x$u; echo $u; done', "x\nxx\nxxx\n", 0),
    ("echo err >&2; echo out 2>&1", "out\n", 0),
    ("{ echo a; echo b; } | wc -l", "2\n", 0),
    ("x=5; x=$((x - 1)); echo $x", "4\n", 0),
    ("echo \"$(printf 'a\\n\\n\\n')end\"", "aend\n", 0),
    ("ls /nonexistent 2>/dev/null || echo missing", "missing\n", 0),
    ("IFS=,; set -- $(echo a,b,c); echo $2", "b\n", 0),
    ("command -v sh >/dev/null && echo yes", "yes\n", 0),
    ("nosuchcommand 2>/dev/null; echo $?", "127\n", 0),
    ('echo "multi\nline"', "multi\nline\n", 0),
    ("while true; do echo once; break; done", "once\n", 0),
    ('v="a b"; for w in $v; do echo $w; done; for w in "$v"; do echo $w; done', "a\nb\na b\n", 0),
    ('case "$v" in *b) echo ends;; esac', "", 0),
    ("echo $(( 0x10 + 010 ))", "24\n", 0),
    ("n=3; while [ $n -gt 0 ]; do n=$(expr $n - 1); done; echo $n", "0\n", 0),
    ("if ! grep -q root /nonexistent 2>/dev/null; then echo nope; fi", "nope\n", 0),
    ('x=; echo "${x:=filled}" $x', "filled filled\n", 0),
    ("f() ( x=inner; echo $x ); x=outer; f; echo $x", "inner\nouter\n", 0),
    ("echo a b | (read x y; echo $y)", "b\n", 0),
    ("echo \\\\ \\a 'it'\\''s'", "\\ a it's\n", 0),
    ("set -u; echo ${nope:-ok}", "ok\n", 0),
    ('echo "a$@b"', "ab\n", 0),
    ("exec 3>fd; echo three >&3; exec 3>&-; cat fd; rm fd", "three\n", 0),
    ('[ "a" = "a" -a "b" != "c" ] && echo both', "both\n", 0),
    ("echo * | grep -c . ", "1\n", 0),
    ('true; echo "$?"; (exit 4); echo $?', "0\n4\n", 0),
    ("sh -c 'echo $0 $1' name arg", "name arg\n", 0),
    ("x=1; f() { local x=2; echo $x; }; f", "2\n", 0),
    (
        "for i in a b; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done",
        "a1\nb1\n",
        0,
    ),
    ("if true; then\n  echo multi   # comment\nfi", "multi\n", 0),
    ('test -n "x" -o -z "y" && echo either', "either\n", 0),
    ("echo ok; # trailing", "ok\n", 0),
    ("echo -n no; echo newline", "nonewline\n", 0),
    ("cat /nonexistent; echo $?", "1\n", 0),
    ("seq 1 3 | tail -n 1", "3\n", 0),
    ("echo hello world | awk '{print $1, $2; }'", "hello world\n", 0),
    ("printf '%s\\n' b a c | sort | tr '\\n' ' '; echo", "a b c \n", 0),
    ("let_x=abc; echo ${let_x}def", "abcdef\n", 0),
    ("echo $#", "0\n", 0),
    ("x=1; f() { local x=2; echo $x; }; f; echo $x", "2\n1\n", 0),
    ('a="x y"; set -- $a; echo $#; set -- "$a"; echo $#', "2\n1\n", 0),
    ("echo $(for i in 1 2; do echo $i; done)", "1 2\n", 0),
    ("f() { return 1; }; f || echo failed", "failed\n", 0),
    ("x=abc; case $x in [a-c]*) echo range;; esac", "range\n", 0),
    ("echo a > fe && [ -s fe ] && echo filled; rm -f fe", "filled\n", 0),
    ("cat <<-EOF2 | tr a-z A-Z\n\ttabs\n\tEOF2", "TABS\n", 0),
    ("sort <<EOT\nb\na\nEOT", "a\nb\n", 0),
    ("echo 1; sleep 0 && echo 2 || echo 3", "1\n2\n", 0),
    ("(trap 'echo sub' EXIT; exit 2); echo $?", "sub\n2\n", 0),
    ("if false; then :; fi; echo $?", "0\n", 0),
    ('echo "${z:-a b}" ${z:-a b}', "a b a b\n", 0),
    ("for x; do echo $x; done; echo none", "none\n", 0),
    ("read x </dev/null || echo eof", "eof\n", 0),
    ("printf 'a b\\nc d\\n' | while read -r a b; do echo \"$b $a\"; done", "b a\nd c\n", 0),
    ("echo start; exec echo replaced; echo never", "start\nreplaced\n", 0),
]


@pytest.mark.parametrize(("script", "output", "code"), SCRIPTS)
def test_a_script_has_the_output_and_exit_code_of_posix(
    script: str, output: str, code: int, tmp_path: Path
) -> None:
    (tmp_path / "beside").touch()
    assert sh("-c", script, cwd=tmp_path) == (output, code)


def test_a_trap_runs_after_the_command(tmp_path: Path) -> None:
    script = "trap 'echo got' TERM; kill -TERM $me; echo after"
    assert sh("-c", script.replace("$me", "$(cut -d' ' -f4 /proc/self/stat)")) == (
        "got\nafter\n", 0,
    )  # fmt: skip


def test_a_script_is_a_file_or_comes_on_stdin(tmp_path: Path) -> None:
    (tmp_path / "x.sh").write_text("echo $0 $1\n")
    assert sh("x.sh", "arg", cwd=tmp_path) == ("x.sh arg\n", 0)
    assert sh("-c", "./x.sh arg", cwd=tmp_path) == ("./x.sh arg\n", 0)
    assert sh(stdin="for i in 1 2\ndo\necho $i\ndone\nexit 3\n") == ("1\n2\n", 3)


@pytest.mark.parametrize("script", ["if true", "echo 'a", 'echo "$(', "for i in a; do", "a &&"])
def test_a_script_that_is_not_over(script: str) -> None:
    with pytest.raises(Unclosed):
        shell_parser.parse(script)


@pytest.mark.parametrize("script", ["fi", "echo a; done", ")", "if true; fi", "| cat", "case x y"])
def test_what_is_no_script_runs_not_at_all(script: str) -> None:
    with pytest.raises(ShellSyntaxError):
        shell_parser.parse(script)
    assert sh("-c", f"echo before\n{script}") == ("", 2)


def test_a_trapped_signal_that_came_just_before_wait_ends_it() -> None:
    shell = Shell()
    shell.hear(signal.SIGUSR1, None)
    assert BUILTINS["wait"](shell, ["wait"]) == 128 + signal.SIGUSR1


def test_sleep_infinity_sleeps() -> None:
    assert sh("-c", "timeout 0.2 sleep infinity; echo $?") == ("143\n", 0)
