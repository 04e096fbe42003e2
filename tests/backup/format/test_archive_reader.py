"""What is read of a tarball, and what a hostile one cannot do."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Iterator

import pytest

from resilience.backup.format import archive_reader
from resilience.backup.format.archive import Address
from resilience.backup.format.archive_reader import LARGEST_OBJECT, Exact, entries, inflate
from resilience.backup.format.errors import BadArchive
from tests.backup.format.tarballs import CHECKOUT, in_pieces, tarball, written


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
def test_a_link_or_pipe_in_an_archive_is_refused(kind: bytes) -> None:
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


def is_exact(whole: bytes, *objects: tuple[Address, int]) -> bool:
    """Whether a tarball is that of objects with these sizes, whatever their content."""
    archive = Exact([gzip.compress(whole, 0)])
    return (
        archive.begins()
        and all(archive.body(address, size) is not None for address, size in objects)
        and archive.ends()
    )


@pytest.mark.parametrize(("body", "step"), [(b"{}", 1), (b"x" * 512, 97), (b"", 97)])
def test_every_byte_of_an_archive_counts(
    body: bytes, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change in one copy of the body is a difference between both. Without the thread, which
    takes a while to notice that nobody reads on."""
    monkeypatch.setattr(archive_reader, "ahead", lambda blocks, depth: blocks)
    whole = b"".join(inflate([written((CHECKOUT, body))]))
    assert is_exact(whole, (CHECKOUT, len(body)))
    for at in range(0, len(whole), step):
        changed = bytearray(whole)
        changed[at] ^= 1
        assert not is_exact(bytes(changed), (CHECKOUT, len(body))), at
    for end in range(0, len(whole), 256):
        assert not is_exact(whole[:end], (CHECKOUT, len(body))), end
    assert not is_exact(whole + b"\0", (CHECKOUT, len(body)))
    assert not is_exact(whole, (CHECKOUT, len(body) + 1))


def test_an_object_listed_as_larger_than_any_can_be_is_not_read_for() -> None:
    def too_far() -> Iterator[bytes]:
        yield written((CHECKOUT, b'{"a":1}'))
        raise AssertionError("the archive was read on for an object that no cluster can hold")

    archive = Exact(too_far())
    assert archive.begins()
    assert archive.body(CHECKOUT, LARGEST_OBJECT + 1) is None


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_name_of_thousands_of_characters_is_one_short_line(form: int) -> None:
    def archive(path: str) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz", format=form) as tar:
            tar.addfile(tarfile.TarInfo(path))
        return out.getvalue()

    assert [each.path for each in entries([archive("n" * 1024)])] == ["n" * 1024]
    with pytest.raises(BadArchive, match="a path of 5000 characters") as told:
        list(entries([archive("n" * 5000)]))
    assert len(str(told.value)) < 300
