"""The list of objects is read the same, whether all lines by one expression or each by JSON."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.backup.format.archive import Address
from resilience.backup.format.errors import Tampered
from resilience.backup.format.manifest import _USUAL, ObjectLine, object_lines

POD = ObjectLine(
    Address("pods", "v1", "shop", "web-0"), "v1", "Pod", 1234, "ab" * 32, "u-1", "77", ("o-1",)
)
UNUSUAL = 'é\U0001f600"\\\n\x7f \ud800'
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from(UNUSUAL))
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
LINES = st.builds(
    lambda r, v, group, ns, n, k, size, h, u, rv, owners: ObjectLine(
        Address(r, v, ns, n), f"{group}/{v}" if group else v, k, size, h, u, rv, tuple(owners)
    ),
    TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.integers(0, 10**19), HASHES, TEXTS, TEXTS,
    st.lists(TEXTS, max_size=3),
)  # fmt: skip


def read(text: bytes) -> list[ObjectLine]:
    return list(object_lines([gzip.compress(text)], "one"))


def by_json(text: bytes) -> list[ObjectLine] | str:
    try:
        return [ObjectLine.decoded(line) for line in text.split(b"\n")[:-1]]
    except (ValueError, KeyError):
        return "damaged"


@given(st.lists(LINES, max_size=4))
def test_one_expression_reads_what_json_reads(lines: list[ObjectLine]) -> None:
    try:
        text = b"".join(line.encoded() for line in lines)
    except UnicodeEncodeError:
        return
    wanted = by_json(text)
    try:
        found: list[ObjectLine] | str = read(text)
    except Tampered:
        found = "damaged"
    assert found == wanted


def test_what_snapshots_consist_of_needs_no_json() -> None:
    lines = [
        POD,
        POD._replace(owners=()),
        POD._replace(owners=("o-1", "o-2")),
        POD._replace(
            address=Address("deployments.apps", "v1", "shop", "a.b"), api_version="apps/v1"
        ),
        POD._replace(address=Address("clusterroles.rbac", "v1", "", "system:node")),
    ]
    text = b"".join(line.encoded() for line in lines)
    assert len(_USUAL.findall(text.decode())) == len(lines)
    assert read(text) == lines


@pytest.mark.parametrize("name", [".", "..", "a/b", "a\nb", "a\x7fb"])
@pytest.mark.parametrize("field", ["resource", "version", "namespace", "name"])
def test_what_is_no_name_is_refused(field: str, name: str) -> None:
    address = POD.address._replace(**{field: name})
    line = POD._replace(address=address, api_version=address.version)
    if (field, name) == ("version", "a/b"):
        line = line._replace(api_version="a/..")
    if field == "name" and "/" not in name and name.strip("."):  # a Role may be called that
        assert read(POD.encoded() + line.encoded()) == [POD, line]
        return
    with pytest.raises(Tampered, match="list of objects is damaged"):
        read(POD.encoded() + line.encoded())


@pytest.mark.parametrize("field", ["resource", "name"])
def test_an_object_has_a_kind_and_a_name(field: str) -> None:
    with pytest.raises(Tampered, match="without a kind or a name"):
        read(POD._replace(address=POD.address._replace(**{field: ""})).encoded())


@pytest.mark.parametrize(
    "change",
    [
        lambda line: b"x" + line,
        lambda line: line.replace(b'"s":1234', b'"s":01234'),
        lambda line: line.replace(b'"s":1234', b'"s":-1'),
        lambda line: line[:-1] + b" {}\n",
        lambda line: line.replace(b'"k":"Pod"', b'"k":7'),
        lambda line: line.replace(b"Pod", b"P\xffd"),
        lambda line: b"\n" + line,
    ],
)
def test_a_line_that_is_no_object_is_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(Tampered, match="list of objects is damaged"):
        read(POD.encoded() + change(POD.encoded()))


def test_a_line_in_another_order_means_the_same() -> None:
    turned = json.dumps(dict(reversed(json.loads(POD.encoded()).items()))).encode() + b"\n"
    assert read(turned + POD.encoded()) == [POD, POD]
