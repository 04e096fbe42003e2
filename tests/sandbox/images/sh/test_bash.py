"""Scripts of bash with what bash 5 prints: `$` begins a line of a script, `=` its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.images.sh.running import sh

CASES = r"""
$ x=a-b-c; echo "${x##*-}" "${x%%-*}" "${x#*-}" "${x%-*}"
c a b-c a-b
= 0
$ x=mysql-3; echo $((100 + ${x##*-}))
103
= 0
$ x=a-b-c; echo "${x/-/_}" "${x//-/_}" "${x/#a/Z}" "${x/%c/Z}" "${x//[a-b]/}"
a_b-c a_b_c Z-b-c a-b-Z --c
= 0
$ y='a*b'; echo "${y/\*/+}" "${y#'a*'}"
a+b b
= 0
$ x=abcdef; echo ${x:1:2} ${x:2} ${x: -2} ${x:1:-1} "${x:9}end"
bc cdef ef bcde end
= 0
$ x=abc; echo ${x^} ${x^^}; y=ABC; echo ${y,} ${y,,}
Abc ABC
aBC abc
= 0
$ set -- one two three; echo "${@:2}" "${*:1:2}" ${#} ${#1} ${#@}
two three one two 3 3 3
= 0
$ v=HOME; HOME=/root; echo ${!v}
/root
= 0
$ x=1; x+=2; echo $x; unset x; x+=y; echo $x
12
y
= 0
$ a=(x "y z"); a+=(w); echo ${#a[@]} "${a[1]}" ${a[-1]}; for v in "${a[@]}"; do echo "$v"; done
3 y z w
x
y z
w
= 0
$ a=(1 2 3); a[5]=q; echo ${#a[@]} ${a[5]} "${!a[@]}" "${a[*]:1:2}" ${a[9]:-no}
4 q 0 1 2 5 2 3 no
= 0
$ a=(x); unset a; echo "${a[@]}end"; b=(); echo "${b[@]:-none}"; s=t
$ echo ${s[0]} ${#s[@]}
end
none
t 1
= 0
$ a=(x); a+=y; a[0]+=z; i=1; a[i]=k; echo "${a[@]}" $a
xyz k xyz
= 0
$ IFS=',' read -r -a p <<< "a-0,a-1,a-2"; echo ${#p[@]} ${p[-1]}
$ read -a q <<< " x  y "; echo "${q[@]}" ${#q[@]}; read -a e <<< ""; echo ${#e[@]}
3 a-2
x y 2
0
= 0
$ mapfile -t m < <(printf 'a\nb c\n'); echo ${#m[@]} "${m[1]}"
2 b c
= 0
$ [[ "web-12" =~ -([0-9]+)$ ]] && echo ${BASH_REMATCH[1]} ${#BASH_REMATCH[@]}
12 2
= 0
$ [[ "foo bar" =~ (foo bar) ]] && echo y; [[ axb =~ a"."b ]] || echo n; r='^a+$'
$ [[ aa =~ $r ]] && echo v
y
n
v
= 0
$ [[ abc == a* ]] && echo glob; [[ ab == "a*" ]] || echo quoted; [[ a != b* ]] && echo ne
glob
quoted
ne
= 0
$ [[ "a b" = "a b" && 3 -gt 2 ]] && echo and; [[ -z "" || x ]] && echo or
$ [[ ! ( 1 -eq 2 ) ]] && echo not
and
or
not
= 0
$ x=; [[ $x ]] || echo empty; [[ -n $x || a < b ]] && echo lt
$ [[ -d / && ! -f / ]] && echo folder
empty
lt
folder
= 0
$ [[ 1 -eq 2 && $(echo asked >&2; echo) ]]; echo $?; [[ 08 -eq 8 ]]; echo $?
1
1
= 0
$ n=5; (( n++ )); ((n+=2)); echo $n $((n << 1)) $(((n+1) / 2))
$ (( n == 8 && n > 3 )) && echo ok
8 16 4
ok
= 0
$ for ((i=0, j=9; i<3; i++, j--)); do ((i==1)) && continue; echo $i $j; done
$ for ((;;)); do break; done
0 9
2 7
= 0
$ ((0)); echo $?; (( $(echo 3) == 3 )) && echo eq; echo $((2**3**2)) $((1, 2)); let z=1+1
$ echo $z
1
eq
512 2
2
= 0
$ x=5; until (( x <= 3 )); do (( x-- )); done; echo $x; ((echo sub); echo shell)
3
sub
shell
= 0
$ echo {1..3}{a,b} x{,y} {a,{b,c}}d "{1..3}"; echo {01..03} {1..10..4} {3..1} {a..c}; v=3
$ echo {1..$v} {x} {} a{b
1a 1b 2a 2b 3a 3b x xy ad bd cd {1..3}
01 02 03 1 5 9 3 2 1 a b c
{1..3} {x} {} a{b
= 0
$ echo $'tab\there \x41 \'q\' \101'; echo $"plain"; cat <<< "here $((1+1))"
$ read -r a b <<< "1 2 3"; echo $b
tab	here A 'q' A
plain
here 2
2 3
= 0
$ while IFS='=' read -r k v; do echo "$k->$v"; done < <(printf 'a=1\nb=2=3\n')
$ cat <(echo 1) <(echo 2)
a->1
b->2=3
1
2
= 0
$ f="$(mktemp)"; echo text > $f; x=$(< $f); echo "$x"; ls $f.no |& wc -l; echo hi &> $f
$ cat $f; rm $f
text
1
hi
= 0
$ function with { local x=1; echo $x; return 3; }; with; echo $?; function g() { echo g; }
$ g; a-b() { echo d; }; a-b
1
3
g
d
= 0
$ declare x=5; declare -x EX=3; sh -c 'echo $EX'; f() { declare y=2; echo $y; }; f
$ echo "[$y]" $x
3
2
[] 5
= 0
$ printf -v p '%02d' 5; echo $p; shopt -s nullglob; echo *.nothing; builtin echo b
$ [[ $RANDOM$SECONDS$PPID ]] && echo set
05

b
set
= 0
$ set -e; ! true; echo on; [[ a == b ]]; echo never
on
= 1
"""


def _cases() -> list[tuple[str, str, int]]:
    found = []
    script, output = "", ""
    for line in CASES.strip("\n").splitlines(keepends=True):
        if line.startswith("$ "):
            script += line[2:]
        elif line.startswith("= "):
            found.append((script, output, int(line[2:])))
            script, output = "", ""
        else:
            output += line
    return found


@pytest.mark.parametrize(("script", "output", "code"), _cases())
def test_a_script_of_bash_prints_what_bash_prints(script: str, output: str, code: int) -> None:
    assert sh("-c", script, name="bash") == (output, code)


def test_braces_are_plain_text_for_sh() -> None:
    assert sh("-c", "echo {a,b} {1..3}") == ("{a,b} {1..3}\n", 0)


@pytest.mark.parametrize(
    "script",
    [
        "declare -A m",
        "declare -i n=1",
        "shopt -s extglob",
        "read -Z x < /dev/null",
        "mapfile -n 2 a",
        "trap 'echo' ERR",
    ],
)
def test_what_the_sandbox_lacks_of_bash_is_refused(script: str) -> None:
    assert sh("-c", script, name="bash")[1] != 0


@pytest.mark.parametrize(
    "script",
    [
        "[[ a == ]]",
        "[[ a b ]]",
        "[[ ( a ]]",
        "[[ a",
        "for ((a; b)); do :; done",
        "${x[1",
        "function {",
    ],
)
def test_what_is_no_script_of_bash_is_refused(script: str) -> None:
    assert sh("-c", script, name="bash")[1] == 2


def test_the_first_line_of_a_script_asks_for_bash(tmp_path: Path) -> None:
    for name in ("bash", "sh"):
        (tmp_path / name).write_text(f"#!/usr/bin/env {name}\necho {{a,b}} $0 $1\nexit 4\n")
        (tmp_path / name).chmod(0o755)
    assert sh("-c", "./bash x; echo $?", cwd=tmp_path) == ("a b ./bash x\n4\n", 0)
    assert sh("-c", "./sh x; echo $?", cwd=tmp_path) == ("{a,b} ./sh x\n4\n", 0)
    assert sh("bash", cwd=tmp_path)[1] == 4


def test_classes_of_posix_are_known_in_regular_expressions() -> None:
    script = "[[ 'a 1' =~ ^[[:alpha:]][[:space:]][^[:alpha:]]$ ]]"
    assert sh("-c", script, name="bash") == ("", 0)
    assert sh("-c", "[[ a =~ [[:vowel:]] ]]", name="bash") == ("", 2)
