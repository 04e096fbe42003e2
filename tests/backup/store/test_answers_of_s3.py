"""Answers that are not S3's, or not the whole truth: never a short file, a mixed one or no list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from resilience.backup.catalog.catalog import snapshots
from resilience.backup.format.errors import BadRequest, Retained, StoreRefused, StoreUnreachable
from resilience.backup.store.s3 import S3Store
from tests.backup.store.trial import s3
from tests.loopback import Answering, serving

pytestmark = pytest.mark.usefixtures("keys")

DATA = bytes(range(256)) * 8192
CUT = (1 << 20) + 4096
"""Behind the first piece, which was passed on when the body breaks off."""


def asked(handler: type[Answering], act: Callable[[S3Store], Any]) -> Any:
    with serving(handler) as url:
        store = s3(url, "b", attempts=1, region="us-east-1")
        try:
            return act(store)
        finally:
            store.client.close()


def read(handler: type[Answering]) -> bytes:
    found: bytes = asked(handler, lambda store: store.read("k"))
    return found


def names(handler: type[Answering]) -> list[str]:
    found: list[str] = asked(handler, lambda store: [each.key for each in store.list()])
    return found


def saying(status: int, body: bytes = b"", **headers: str) -> type[Answering]:
    """The same to everything."""

    class Same(Answering):
        def do_GET(self) -> None:
            self.answer(status, body, {name.replace("_", "-"): v for name, v in headers.items()})

        do_HEAD = do_GET

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.do_GET()

    return Same


def cut_first(then: Callable[[Answering], None]) -> type[Answering]:
    """The first answer breaks off, the second is `then`'s."""
    first = [True]

    class Cut(Answering):
        def do_GET(self) -> None:
            if not first:
                then(self)
                return
            first.clear()
            self.send_response(200)
            self.send_header("ETag", '"a"')
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            self.wfile.write(DATA[:CUT])

    return Cut


def rest_of(content: bytes, etag: str = '"a"') -> Callable[[Answering], None]:
    def rest(to: Answering) -> None:
        at = int(to.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        whole = {"ETag": etag, "Content-Range": f"bytes {at}-{len(content) - 1}/{len(content)}"}
        to.answer(206, content[at:], whole)

    return rest


def chunked(ending: bytes) -> type[Answering]:
    class Chunked(Answering):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(DATA) + DATA + b"\r\n" + ending)
            self.close_connection = True

    return Chunked


def test_a_store_that_ignores_ranges_begins_again_and_no_byte_comes_twice() -> None:
    assert read(cut_first(lambda to: to.answer(200, DATA, {"ETag": '"a"'}))) == DATA
    assert read(cut_first(rest_of(DATA))) == DATA


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(lambda to: to.answer(412), id="the store says so"),
        pytest.param(rest_of(DATA[::-1], '"b"'), id="another ETag"),
        pytest.param(rest_of(DATA + b"1"), id="another size"),
    ],
)
def test_an_object_that_is_replaced_while_it_is_read_is_never_a_mixture(
    second: Callable[[Answering], None],
) -> None:
    with pytest.raises(StoreUnreachable, match="k was replaced while it was read"):
        read(cut_first(second))


def test_a_rest_that_begins_too_late_is_no_rest() -> None:
    place = {"ETag": '"a"', "Content-Range": f"bytes {CUT + 1}-{len(DATA) - 1}/{len(DATA)}"}
    late = cut_first(lambda to: to.answer(206, DATA[CUT + 1 :], place))
    with pytest.raises(StoreUnreachable, match=r"answers from byte \d+; expected \d+"):
        read(late)


def test_a_body_without_a_length_is_whole_when_its_chunks_end() -> None:
    assert read(chunked(b"0\r\n\r\n")) == DATA
    with pytest.raises(StoreUnreachable, match=r"reading k was cut 5 times, last at \d+ bytes"):
        read(chunked(b""))


def test_a_body_without_length_and_chunks_is_refused_since_its_end_cannot_be_seen() -> None:
    class Endless(Answering):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(DATA)

    with pytest.raises(StoreUnreachable, match="the answer has no length"):
        read(Endless)


def test_no_content_is_not_an_empty_file() -> None:
    assert read(saying(200)) == b""
    with pytest.raises(StoreUnreachable, match="answers 204 instead of content"):
        read(saying(204, Transfer_Encoding="chunked"))


def test_an_endless_redirect_is_one_line() -> None:
    with pytest.raises(StoreRefused, match="redirects every request"):
        read(saying(302, Location="/login"))


def page(*keys: str, truncated: bytes = b"false", date: str = "2026-01-01T00:00:00Z") -> bytes:
    entry = "<Contents><Key>{}</Key><LastModified>{}</LastModified><Size>5</Size></Contents>"
    contents = "".join(entry.format(f"clusters/one/{key}", date) for key in keys).encode()
    more = b"<IsTruncated>" + truncated + b"</IsTruncated>"
    return b"<ListBucketResult><Name>b</Name>" + more + contents + b"</ListBucketResult>"


@pytest.mark.parametrize("body", [b"", b"<html><body>log in</body></html>"])
def test_what_is_no_list_is_not_an_empty_one(body: bytes) -> None:
    assert asked(saying(200, page()), snapshots) == []
    with pytest.raises(StoreUnreachable, match=r"is not a list of objects.*login page"):
        asked(saying(200, body), snapshots)
    with pytest.raises(StoreUnreachable, match="is not a list of objects"):
        asked(saying(200, body), lambda store: store.directories())


def test_a_list_that_goes_on_nowhere_is_not_the_whole() -> None:
    with pytest.raises(StoreUnreachable, match="the list continues"):
        names(saying(200, page("backups/a/x", truncated=b"true")))


@pytest.mark.parametrize(
    "body",
    [
        page("x").replace(b"<Key>clusters/one/", b"<Key>clusters/two/"),
        page("x").replace(b"<Size>5</Size>", b""),
        page("x").replace(b"<LastModified>2026-01-01T00:00:00Z</LastModified>", b""),
    ],
)
def test_an_entry_that_is_none_is_named(body: bytes) -> None:
    with pytest.raises(StoreUnreachable, match="is no entry of a list below 'clusters/one/'"):
        names(saying(200, body))


def test_a_directory_outside_of_the_prefix_is_no_entry() -> None:
    other = b"<CommonPrefixes><Prefix>clusters/two/</Prefix></CommonPrefixes></ListBucketResult>"
    body = page().replace(b"</ListBucketResult>", other)
    with pytest.raises(StoreUnreachable, match="is no entry of a list"):
        asked(saying(200, body), lambda store: store.directories())


def test_a_date_that_is_none_is_the_stores_fault_and_not_the_users() -> None:
    with pytest.raises(StoreUnreachable, match="the answer is not one of S3's"):
        names(saying(200, page("x", date="yesterday")))
    with pytest.raises(BadRequest, match="Invalid IPv6 URL"):
        s3("http://[", "b").client  # noqa: B018


def test_a_list_without_an_order_is_put_in_order() -> None:
    given = page("backups/b/x", "backups/a/x", "backups/b/a")
    assert names(saying(200, given)) == ["backups/a/x", "backups/b/a", "backups/b/x"]


def test_an_upload_that_the_store_did_not_begin_is_one_line() -> None:
    def large(store: S3Store) -> None:
        with store.upload("k") as upload:
            upload.write(bytes(9 << 20))

    with pytest.raises(StoreUnreachable, match="the answer has no Bucket"):
        asked(saying(200, b"<html></html>"), large)
    begun = (
        b"<ListMultipartUploadsResult><Upload><Key>k</Key></Upload></ListMultipartUploadsResult>"
    )
    with pytest.raises(StoreUnreachable, match="the answer has no UploadId"):
        asked(saying(200, begun), lambda store: store.sweep(datetime.now(UTC)))


def test_the_same_page_for_ever_ends_whatever_it_is_said_to_continue_with() -> None:
    class Again(Answering):
        number = 0

        def do_GET(self) -> None:
            Again.number += 1
            token = f"<NextContinuationToken>{Again.number}</NextContinuationToken></List".encode()
            self.answer(200, page("a", "b", truncated=b"true").replace(b"</List", token))

    with pytest.raises(StoreUnreachable, match="a at the beginning of two pages"):
        names(Again)


@pytest.mark.parametrize(("day", "refused"), [(1, False), (3, True)])
def test_a_lock_counts_by_the_clock_of_the_store(day: int, refused: bool) -> None:
    """This machine's clock is months ahead of this store's, or behind it."""
    deleted = list[str]()

    class Locked(Answering):
        def do_HEAD(self) -> None:
            until = f"2099-01-0{day}T00:00:00Z"
            self.answer(200, headers={"x-amz-object-lock-retain-until-date": until})

        def do_DELETE(self) -> None:
            deleted.append(self.path)
            self.answer(204)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return "Fri, 02 Jan 2099 00:00:00 GMT"

    if refused:
        with pytest.raises(Retained, match="is locked until 2099-01-03"):
            asked(Locked, lambda store: store.delete("k"))
    else:
        asked(Locked, lambda store: store.delete("k"))
    assert len(deleted) == (not refused)
