"""The corpus of odd YAML, and how kubectl reads it: `python -m tests.actions.shared.odd_yaml
KUBECTL KUBECONFIG` writes `odd_yaml.json` beside this file, from kubectl's own output.

Each text stands once as a value and once as a key of a ConfigMap (client dry run, no validation:
any cluster that serves ConfigMaps will do). null for `read` means that kubectl refused it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

EXPECTED = Path(__file__).with_suffix(".json")

WORDS = """
y Y n N yes Yes YES no No NO yEs on On ON off Off OFF oN true True TRUE tRue false False FALSE
null Null NULL nULL ~ = << . .. - --- ... ? ! !a * & nan NaN .nan .NaN .NAN .nAn inf .inf .Inf
.INF -.inf +.inf -.INF -inf .iNF _ __ 0_ - -- + ++ e E 0x 0o 0b 0X1F 0x 0xG
"""

NUMBERS = """
0 00 000 -0 +0 1 +1 -1 01 007 010 0777 08 09 018 -010 +010 0o0 0o440 0o777 0O17 -0o17 +0o17 0o8
0x0 0x1f 0xFF -0x10 +0x10 0x_1 0b0 0b101 0B11 -0b11 +0b11 0b2 0b1_0 1_000 1__000 _1 1_ -1_000
0x1_f 0_7 1_0.5 1.5_0 4_0e1 9007199254740993 2147483648 9223372036854775807 9223372036854775808
-9223372036854775808 -9223372036854775809 18446744073709551615 18446744073709551616
100000000000000000000 1e3 1E3 1e+3 1e-3 1e03 -1e3 +1e3 1.e3 .5 -.5 +.5 5. -5. 1.0 1.50 1.5 0.1
00.5 01.5 1.2.3 1e400 1e-400 -1e400 123e 123e+ e3 1e3e 0e0 -0.0 0.0 1.0e0 1e20 1e21 1e22 3.0e9
1.7976931348623157e308 4.9e-324 0.30000000000000004 123456789.123456789 1:30 1:30:45 12:30:00
190:20:30 190:20:30.15 -1:30 0:0 1:60 60:1 +12:30 1: 1.1:2 0x1p4 0X1P-2 1p4
\N{ARABIC-INDIC DIGIT ONE} 1,000 1/3 33% 1e 1E
Infinity -Infinity infinity NAN
"""

DATES = """
2027-03-25 2027-3-5 2027-03-25T10:00:00Z 2027-03-25t10:00:00.5z 2001-12-14t21:59:43.10-05:00
0001-01-01 2027-13-45 1999-1 12-12-12
"""

QUOTED = [
    '"y"',
    "'no'",
    '"0o440"',
    "'010'",
    '"="',
    "''",
    '""',
    '"\\x41\\u00e9\\U0001F600"',
    '"a\\/b"',
    "'it''s'",
    '"tab\\there"',
    '"line\\nbreak"',
    '"\\_"',
    '"\\e"',
]

TAGGED = [
    "!!str 12",
    "!!str y",
    "!!str",
    "!!int 12",
    "!!int '12'",
    "!!int 0o17",
    "!!int 010",
    "!!int x",
    "!!float 1",
    "!!float 1.5",
    "!!float '2'",
    "!!float x",
    "!!float .5",
    "!!bool yes",
    "!!bool 'yes'",
    "!!bool maybe",
    "!!null null",
    "!!null ''",
    "!!null x",
    "!!binary aGVsbG8=",
    "!!binary ////",
    "!!binary x",
    "!!binary 'aGVs\n    bG8='",
    "!!timestamp 2027-03-25",
    "!!timestamp x",
    "!foo bar",
    "!foo 12",
    "! 12",
    "! y",
    "!!foo 12",
    "!<tag:yaml.org,2002:str> 12",
    "!<tag:yaml.org,2002:int> 12",
]

PLAIN = [
    "",
    "a b",
    "a#b",
    "a #b",
    "a:b",
    "-a",
    "?a",
    ":a",
    "a=",
    "=a",
    "==",
    "<",
    "<<<",
    "%a",
    "@a",
    "`a`",
    "a,b",
    "[1, 0o10, y]",
    "{y: n, 010: 010}",
    "[]",
    "{}",
    "[a: 1]",
    "{a, b}",
    "{a: , b: }",
    "[,]",
    "[a,]",
    "|\n    text\n    010",
    ">-\n    folded\n    text",
    "|+\n    keep\n\n",
    "&x y",
    "é",
    "日本",
    "\N{NO-BREAK SPACE}",
    "a\n    b",
    "1 2",
    "true false",
    '{"a":1}',
    '{"a":y}',
    "{a: 1, a: 2}",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!map {a: 1}",
    "!!seq [1]",
    "!!seq {a: 1}",
    "!!str [1]",
    "{? [1] : 2}",
    "{1.5: a, 1e3: b, .inf: c}",
    "{~: a}",
    "{null: a, true: b, 2027-03-25: c, 0x10: d, 1_0: e}",
    "{!!binary aGk=: a}",
    "{!!str 1: a}",
]

WHOLE = [
    "{a: &b {x: 1, y: 2}, c: {<<: *b, x: 3}}",
    "{a: &b {x: 1}, c: {x: 3, <<: *b}}",
    "{a: &b {x: 1}, d: &e {x: 2, z: 9}, c: {<<: [*b, *e], q: 0}}",
    "{a: &b {x: 1}, c: {'<<': *b}}",
    '{a: &b {x: 1}, c: {"<<": *b, k: v}}',
    "{a: &b {x: 1}, c: {!!merge <<: *b}}",
    "{c: {<<: {x: 1}}}",
    "{c: {<<: 1}}",
    "{c: {<<: [1]}}",
    "{c: {<<: }}",
    "{a: &a [*a]}",
    "{a: &b y, c: *b}",
    "{a: &b 010, *b : d}",
    "{a: *nowhere}",
]


def texts() -> list[str]:
    """Every text of the corpus, each once."""
    words = [each for block in (WORDS, NUMBERS, DATES) for each in block.split()]
    return list(dict.fromkeys([*words, *QUOTED, *TAGGED, *PLAIN]))


def documents() -> dict[str, str]:
    """Name to manifest."""
    found = {}
    for text in texts():
        found[f"value {text}"] = _manifest(f"  v: {text}")
        if "\n" not in text and not text.startswith(("{", "[", "!!s", "!!o", "!!m")):
            found[f"key {text}"] = _manifest(f"  {text} : v")
    found |= {f"whole {text}": _manifest(f"  v: {text}") for text in WHOLE}
    return found


def _manifest(data: str) -> str:
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd}\ndata:\n"
    return f"{head}{data}\n"


def main(kubectl: str, kubeconfig: str) -> None:
    """Ask kubectl for each."""
    found = {name: _read(kubectl, kubeconfig, text) for name, text in documents().items()}
    content = json.dumps(found, indent=0, ensure_ascii=True)
    EXPECTED.write_text(content + "\n", encoding="utf-8")


def _read(kubectl: str, kubeconfig: str, text: str) -> Any:
    said = subprocess.run(
        [kubectl, "--kubeconfig", kubeconfig, "create", "-f", "-", "--dry-run=client",
         "--validate=false", "-o", "json"],
        input=text.encode(), capture_output=True, check=False,
    )  # fmt: skip
    return {"read": json.loads(said.stdout)["data"]} if said.returncode == 0 else None


if __name__ == "__main__":
    main(*sys.argv[1:])
