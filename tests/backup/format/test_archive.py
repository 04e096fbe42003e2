"""The tarball: what Velero needs of it, determinism, and what a hostile one cannot do."""

from __future__ import annotations

import gzip
import io
import json
import random
import sys
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.backup.format.archive import (
    LARGEST_OBJECT,
    Address,
    Compressor,
    Exact,
    Writer,
    encode,
    entries,
    inflate,
)
from resilience.backup.format.errors import BadArchive

CHECKOUT = Address("deployments.apps", "v1", "shop", "checkout")
LONG = Address("widgets.a-rather-long-group-name.example.com", "v1alpha1", "n" * 63, "x" * 253)


def written(*objects: tuple[Address, bytes]) -> bytes:
    out = io.BytesIO()
    compressor = Compressor(out.write)
    writer = Writer(compressor.add)
    for address, body in objects:
        writer.add(address, body)
    writer.close()
    compressor.close()
    return out.getvalue()


def tarball(*infos: tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=form) as tar:
        for info, body in infos:
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


def in_pieces(data: bytes, size: int = 7) -> Iterable[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


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


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_every_format_of_tar_is_read(form: int) -> None:
    long = "resources/pods/namespaces/" + "n" * 60 + "/" + "p" * 80 + ".json"
    data = tarball((tarfile.TarInfo(long), b"{}"), (tarfile.TarInfo("a/b.json"), b"[]"), form=form)
    found = [(each.path, each.body) for each in entries([data])]
    assert found == [(long, b"{}"), ("a/b.json", b"[]")]


def test_concatenated_gzip_members_are_one_stream() -> None:
    whole = b"".join(inflate([written((CHECKOUT, b"{}"))]))
    parts = gzip.compress(whole[:700]) + gzip.compress(whole[700:])
    assert [entry.body for entry in entries(in_pieces(parts))][1:] == [b"{}", b"{}"]


@pytest.mark.parametrize("path", ["/etc/passwd", "a/../../b", "..", "a//b", "./../b"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(BadArchive, match="no such path"):
        list(entries([tarball((tarfile.TarInfo(path), b"{}"))]))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_is_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("resources/pods/cluster/x.json")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(BadArchive, match="only plain files"):
        list(entries([tarball((info, b""))]))


def test_a_header_that_claims_too_much_is_refused_before_it_is_read() -> None:
    info = tarfile.TarInfo("resources/pods/cluster/x.json")
    info.size = 1 << 30
    with pytest.raises(BadArchive, match="expected at most 16777216"):
        list(entries([gzip.compress(info.tobuf())]))


@pytest.mark.parametrize("cut", [1, 100, 600, 5000])
def test_a_truncated_archive_is_refused(cut: int) -> None:
    body = json.dumps({"data": random.Random(1).randbytes(4000).hex()}).encode()
    data = written((CHECKOUT, body))
    with pytest.raises(BadArchive):
        list(entries([data[: len(data) - cut]]))


def test_an_archive_without_its_end_marker_is_refused() -> None:
    whole = b"".join(inflate([written((CHECKOUT, b"{}"))]))
    with pytest.raises(BadArchive, match="without its end marker"):
        list(entries([gzip.compress(whole[:-1024])]))


def test_a_bomb_is_inflated_a_piece_at_a_time() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    assert max(len(piece) for piece in inflate([bomb])) <= 1 << 20


def test_a_lone_surrogate_survives() -> None:
    value = json.loads('{"data":"\\ud800"}')
    assert json.loads(encode(value)) == value


def test_an_object_listed_as_larger_than_any_can_be_is_not_read_for() -> None:
    def too_far() -> Iterator[bytes]:
        yield written((CHECKOUT, b'{"a":1}'))
        raise AssertionError("the archive was read on for an object that no cluster can hold")

    archive = Exact(too_far())
    assert archive.begins()
    assert archive.body(CHECKOUT, LARGEST_OBJECT + 1) is None


def test_both_compressors_write_what_zlib_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = ((CHECKOUT, b'{"a":1}'), (LONG, b'{"b":2}'))
    by_default = written(*objects)
    monkeypatch.setitem(sys.modules, "isal", None)  # as without the extra `fast`
    by_zlib = written(*objects)
    assert b"".join(inflate([by_default])) == b"".join(inflate([by_zlib]))
    assert gzip.decompress(by_zlib) == gzip.decompress(by_default)


def test_the_fast_compressor_is_taken_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fast = SimpleNamespace(DEFLATED=zlib.DEFLATED, compressobj=lambda *given: used.append(given))
    used: list[tuple[int, ...]] = []
    monkeypatch.setitem(sys.modules, "isal", SimpleNamespace(isal_zlib=fast))
    Compressor(lambda data: None)
    assert used == [(1, zlib.DEFLATED, 31)]
