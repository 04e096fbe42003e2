"""The tarball: what Velero needs of it, and that the same objects give the same bytes."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
import zlib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.backup.format.archive import Address, Compressor, encode, header, headers
from resilience.backup.format.archive_reader import entries, inflate
from resilience.backup.format.manifest import ObjectLine
from resilience.backup.format.object_index import Lines
from tests.backup.format.tarballs import CHECKOUT, LONG, in_pieces, written


def test_python_reads_both_copies_with_mode_0755_and_the_version_first() -> None:
    data = written((CHECKOUT, b'{"a":1}'))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [
            "metadata/version",
            "resources/deployments.apps/namespaces/shop/checkout.json",
            "resources/deployments.apps/v1-preferredversion/namespaces/shop/checkout.json",
        ]
        assert {member.mode for member in members} == {0o755}
        assert [file.read() for each in members if (file := tar.extractfile(each))] == [
            b"1.1.0\n",
            b'{"a":1}',
            b'{"a":1}',
        ]


def test_the_same_objects_give_the_same_bytes() -> None:
    assert written((CHECKOUT, b"{}")) == written((CHECKOUT, b"{}"))
    assert encode({"b": 1, "a": [1.5, "ü"]}) == encode({"a": [1.5, "ü"], "b": 1})


def test_a_path_over_100_bytes_comes_back_whole() -> None:
    data = written((LONG, b"{}"), (CHECKOUT, b"[]"))
    assert [entry.path for entry in entries([data])][1::2] == [LONG.plain, CHECKOUT.plain]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert LONG.plain in tar.getnames()


def test_names_that_rbac_allows_come_back_whole() -> None:
    role = Address("clusterroles.rbac.authorization.k8s.io", "v1", "", "system:node-ü:*")
    assert [entry.path for entry in entries([written((role, b"{}"))])][1] == role.plain


@given(st.lists(st.binary(max_size=3000), max_size=5), st.integers(1, 2000))
def test_any_bodies_survive_in_any_pieces(bodies: list[bytes], piece: int) -> None:
    data = written(*((Address("pods", "v1", "shop", str(n)), b) for n, b in enumerate(bodies)))
    assert [entry.body for entry in entries(in_pieces(data, piece))][1::2] == bodies


def test_a_lone_surrogate_survives_encoding() -> None:
    value = json.loads('{"data":"\\ud800"}')
    assert json.loads(encode(value)) == value


def test_both_compressors_write_what_zlib_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = ((CHECKOUT, b'{"a":1}'), (LONG, b'{"b":2}'))
    by_default = written(*objects)
    monkeypatch.setitem(sys.modules, "isal", None)  # as without the extra `fast`
    by_zlib = written(*objects)
    assert b"".join(inflate([by_default])) == b"".join(inflate([by_zlib]))
    assert gzip.decompress(by_zlib) == gzip.decompress(by_default)


def test_the_list_of_objects_is_the_same_with_both_compressors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_default = listed()
    monkeypatch.setitem(sys.modules, "isal", None)
    for one, other in zip(by_default, listed(), strict=True):
        assert gzip.decompress(one) == gzip.decompress(other)


def listed() -> tuple[bytes, bytes]:
    with Lines() as lines:
        lines.add(ObjectLine(CHECKOUT, "apps/v1", "Deployment", 7, "0" * 64))
        lines.finish()
        return b"".join(lines.chunks()), lines.resource_list()


def test_the_fast_compressor_is_taken_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fast = SimpleNamespace(DEFLATED=zlib.DEFLATED, compressobj=lambda *given: used.append(given))
    used: list[tuple[int, ...]] = []
    monkeypatch.setitem(sys.modules, "isal", SimpleNamespace(isal_zlib=fast))
    Compressor(lambda data: None)
    with Lines():
        assert used == [(1, zlib.DEFLATED, 31)] * 3  # the objects, their list, Velero's list


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=110)


@given(st.sampled_from(["pods", "deployments.apps", "rôles"]), NAMES | st.just(""), NAMES)
def test_both_headers_are_those_of_their_paths(resource: str, namespace: str, name: str) -> None:
    address = Address(resource, "v1", namespace, name)
    assert headers(address, 77) == tuple(header(path, 77) for path in address.paths)


@pytest.mark.parametrize("length", range(44, 48))
def test_a_header_holds_a_path_of_100_bytes(length: int) -> None:
    """`resources/pods/v1-preferredversion/namespaces/shop/` and `.json` are 56 bytes."""
    address = Address("pods", "v1", "shop", "n" * length)
    plain, preferred = headers(address, 77)
    with tarfile.open(fileobj=io.BytesIO(preferred + bytes(512 + 1024))) as tar:
        assert tar.getnames() == [address.preferred]
    assert len(preferred) == (512 if len(address.preferred) <= 100 else 3 * 512)
    assert len(plain) == 512
