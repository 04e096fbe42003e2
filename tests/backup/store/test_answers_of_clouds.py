"""Answers that are not Google's or Azure's, or not the whole truth, asked by the real clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from resilience.backup.format.errors import StoreRefused, StoreUnreachable
from tests.backup.store.trial import asked
from tests.loopback import Answering

pytest.importorskip("obstore", reason="the extras gcs and azure are not installed")
pytestmark = pytest.mark.usefixtures("unsigned")

DATA = bytes(range(256)) * 8192
CUT = (1 << 20) + 4096
HEAD = {"ETag": '"a"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}


@pytest.fixture(params=["gs", "az"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def google(keys: list[str], *, more: str = "", token: str = "") -> bytes:
    entry = "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    entry += "<ETag>a</ETag><Size>5</Size></Contents>"
    after = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    state = f"<IsTruncated>{more or 'false'}</IsTruncated>"
    return f"<L>{state}{after}{''.join(map(entry.format, keys))}</L>".encode()


def azure(keys: list[str], *, more: str = "", token: str = "") -> bytes:
    about = "<Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>a</Etag>"
    about += "<Content-Length>5</Content-Length><Content-Type>a</Content-Type>"
    entry = "<Blob><Name>{}</Name><Properties>" + about + "</Properties></Blob>"
    blobs = f"<Blobs>{''.join(map(entry.format, keys))}</Blobs>"
    return f"<E>{blobs}<NextMarker>{token}</NextMarker></E>".encode()


def listing(scheme: str, *keys: str, **rest: str) -> bytes:
    return (google if scheme == "gs" else azure)(list(keys), **rest)


def saying(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
    class Same(Answering):
        def do_GET(self) -> None:
            self.answer(status, body, headers)

        do_HEAD = do_GET

    return Same


def names(scheme: str, handler: type[Answering]) -> list[str]:
    with asked(scheme, handler) as store:
        return [each.key for each in store.list()]


PAGE = b"<html><body>log in</body></html>"


@pytest.mark.parametrize("body", [PAGE, b"", b"{}"])
def test_what_is_no_list_is_not_an_empty_one(scheme: str, body: bytes) -> None:
    with pytest.raises(StoreUnreachable):
        names(scheme, saying(200, body))
    with asked(scheme, saying(200, body)) as store, pytest.raises(StoreUnreachable):
        store.directories()


def test_a_login_page_that_has_all_heads_of_an_object_is_no_empty_list() -> None:
    with pytest.raises(StoreUnreachable, match=r"has \.uploads/\w+, which nobody wrote.*login pag"):
        names("gs", saying(200, PAGE, HEAD))


@pytest.mark.parametrize("status", [404, 403])
def test_an_empty_list_is_one_if_the_store_does_not_have_what_nobody_wrote(
    scheme: str, status: int
) -> None:
    class Empty(Answering):
        def do_GET(self) -> None:
            self.answer(200, listing(scheme))

        def do_HEAD(self) -> None:
            self.answer(status)

    assert names(scheme, Empty) == []


def test_a_key_outside_of_the_prefix_is_refused(scheme: str) -> None:
    fine = listing(scheme, "one/b", "one/a/x")
    assert names(scheme, saying(200, fine)) == ["a/x", "b"]
    with pytest.raises(StoreUnreachable, match="two/a is no entry of a list below 'one/'"):
        names(scheme, saying(200, listing(scheme, "one/b", "two/a")))


def test_a_directory_outside_of_the_prefix_is_refused(scheme: str) -> None:
    other = b"<CommonPrefixes><Prefix>two/</Prefix></CommonPrefixes></L>"
    blob = b"<Blobs><BlobPrefix><Name>two/</Name></BlobPrefix>"
    body = listing(scheme).replace(b"</L>", other).replace(b"<Blobs>", blob)
    with asked(scheme, saying(200, body)) as store:
        with pytest.raises(StoreUnreachable, match="two is no entry of a list"):
            store.directories()


def test_the_same_page_for_ever_ends(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resilience.backup.store.cloud.object_store._PAGE", 2)
    with pytest.raises(StoreUnreachable, match="a at the beginning of two pages"):
        names(scheme, saying(200, listing(scheme, "one/a", "one/b", token="T")))


def test_a_list_that_does_not_say_where_it_continues_is_continued() -> None:
    """obstore takes it for the whole."""
    keys = ["one/a", "one/b", "one/c"]

    class Cutting(Answering):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            after = next((v[0] for name, v in query.items() if "start" in name), "")
            page = [key for key in keys if key > after][:1]
            self.answer(200, listing("gs", *page, more="true"))

    assert names("gs", Cutting) == ["a", "b", "c"]


def cut_first(then: Callable[[Answering], None]) -> Any:
    first = [True]

    class Cut(Answering):
        def do_GET(self) -> None:
            if not first:
                then(self)
                return
            first.clear()
            self.send_response(200)
            for name, value in {**HEAD, "Content-Length": str(len(DATA))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(DATA[:CUT])

    return Cut


def rest_of(content: bytes, etag: str = '"a"', late: int = 0) -> Callable[[Answering], None]:
    def rest(to: Answering) -> None:
        wanted = to.headers.get("Range") or to.headers["x-ms-range"]
        at = int(wanted.removeprefix("bytes=").partition("-")[0]) + late
        place = {"Content-Range": f"bytes {at}-{len(content) - 1}/{len(content)}"}
        to.answer(206, content[at:], {**HEAD, "ETag": etag, **place})

    return rest


def test_a_read_that_is_cut_goes_on_with_the_rest(scheme: str) -> None:
    with asked(scheme, cut_first(rest_of(DATA))) as store:
        assert store.read("k") == DATA


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(lambda to: to.answer(412), id="the store says so"),
        pytest.param(rest_of(bytes(len(DATA)), '"b"'), id="another ETag"),
    ],
)
def test_an_object_that_is_replaced_while_it_is_read_is_never_a_mixture(
    scheme: str, second: Callable[[Answering], None]
) -> None:
    with asked(scheme, cut_first(second)) as store:
        with pytest.raises(StoreUnreachable, match="k was replaced while it was read"):
            store.read("k")


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(lambda to: to.answer(200, DATA, HEAD), id="it ignores the range"),
        pytest.param(rest_of(DATA, late=1), id="it begins too late"),
        pytest.param(rest_of(DATA + b"1"), id="another size"),
    ],
)
def test_a_rest_that_is_none_is_no_success(
    scheme: str, second: Callable[[Answering], None]
) -> None:
    with asked(scheme, cut_first(second)) as store:
        with pytest.raises(StoreUnreachable, match=r"reading k was cut at \d+ of \d+ bytes"):
            store.read("k")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("RequestTimeTooSkewed", "this machine's clock differs too much from the store's"),
        ("AuthenticationFailed: Request date header too old", "this machine's clock differs"),
        ("AccessDenied", "access denied"),
    ],
)
def test_a_list_that_is_refused_says_why(scheme: str, code: str, words: str) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    with pytest.raises(StoreRefused, match=words) as told:
        names(scheme, saying(403, body))
    assert "\n" not in str(told.value)
