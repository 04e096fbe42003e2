"""An HTTP/1.1 answer, read piece by piece."""

from __future__ import annotations

import re

HEAD_LIMIT = 64 << 10
BODY_LIMIT = 1 << 20

# The end of a head: a single LF may end a line as well (RFC 9112, section 2.2).
HEAD_END = re.compile(rb"\r?\n\r?\n")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;.*)?", re.DOTALL)

# zlib's word for each coding: gzip's header, or zlib's. `deflate` means zlib's (RFC 9110, 8.4.1.2).
WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


class NotHttp(Exception):
    """The answer breaks HTTP/1.1."""


class NotDecoded(Exception):
    """The body has a coding (RFC 9110, section 8.4) that is unknown here, or breaks it."""


class Response:
    """An HTTP/1.1 answer, fed piece by piece."""

    def __init__(self, head_only: bool) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = bytearray()
        self.reusable = False
        self._head_only = head_only
        self._buffer = bytearray()
        self._left: int | None = (
            None  # remaining bytes of the body or chunk; None means until the connection closes
        )
        self._chunked = False

    def feed(self, data: bytes) -> bool:
        """Whether the answer is complete (or longer than we care to read)."""
        self._buffer += data
        while not self.headers:
            end = HEAD_END.search(self._buffer)
            if end is None:
                if len(self._buffer) > HEAD_LIMIT or not b"HTTP/1.".startswith(self._buffer[:7]):
                    raise NotHttp
                return False
            self._head(bytes(self._buffer[: end.start()]))
            del self._buffer[: end.end()]
        return self._chunks() if self._chunked else self._plain()

    def closed(self) -> bool:
        """Whether a close is the proper end of what was fed."""
        return bool(self.headers) and self._left is None and not self._chunked

    def begun(self) -> bool:
        """Whether anything was received."""
        return bool(self.status or self._buffer)

    def text(self) -> bytes:
        """The body as it was before it was compressed for the transfer. NotDecoded where that
        cannot be told."""
        coding = self.headers.get(b"content-encoding", b"").strip().lower()
        if coding in (b"", b"identity"):
            return bytes(self.body)
        windows = WINDOWS.get(coding)
        if windows is None:
            name = coding.decode("ascii", "replace")
            raise NotDecoded(f"the body is encoded as {name}; expected gzip, deflate or none")
        import zlib

        try:
            return zlib.decompressobj(windows).decompress(self.body, BODY_LIMIT)
        except zlib.error as error:
            raise NotDecoded(f"the body is not {coding.decode('ascii')}: {error}") from None

    def _head(self, text: bytes) -> None:
        first, *lines = (line.rstrip(b"\r") for line in text.split(b"\n"))
        parts = first.split(None, 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
            raise NotHttp
        self.status = int(parts[1])
        if 100 <= self.status < 200 and self.status != 101:
            return  # an interim response, after which the real head follows
        pairs = [line.partition(b":") for line in lines]
        headers = {name.strip().lower(): text.strip() for name, _, text in pairs}
        # Several lengths that differ are an error that no client recovers from (RFC 9112, 6.3).
        said = [text for name, _, text in pairs if name.strip().lower() == b"content-length"]
        lengths = {length.strip() for text in said for length in text.split(b",")}
        if len(lengths) > 1:
            raise NotHttp
        self.headers = headers or {b"": b""}
        self._chunked = headers.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        length = next(iter(lengths), None)
        if self._head_only or self.status in (204, 304):
            self._left, self._chunked = 0, False
        elif self._chunked:
            self._left = 0
        elif length is not None:
            if not length.isdigit():
                raise NotHttp
            self._left = int(length)
        self.reusable = (
            parts[0] != b"HTTP/1.0"
            and self._left is not None
            and b"close" not in _options(headers.get(b"connection", b""))
        )

    def _plain(self) -> bool:
        self.body += self._buffer
        if self._left is not None:
            self._left -= len(self._buffer)
        self._buffer.clear()
        return (self._left is not None and self._left <= 0) or self._full()

    def _chunks(self) -> bool:
        while not self._full():
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return False
            size = _hex(self._buffer[:end])
            if size == 0:
                return self._buffer.endswith(b"\r\n\r\n") or self._buffer[end:] == b"\r\n\r\n"
            if len(self._buffer) < end + size + 4:
                return False
            self.body += self._buffer[end + 2 : end + 2 + size]
            del self._buffer[: end + size + 4]
        return True

    def _full(self) -> bool:
        if len(self.body) + len(self._buffer) <= BODY_LIMIT:
            return False
        self.reusable = False
        return True


def _options(text: bytes) -> set[bytes]:
    """The options of a Connection header; their case does not matter (RFC 9110, section 7.6.1)."""
    return {option.strip() for option in text.lower().split(b",")}


def _hex(line: bytearray) -> int:
    """The size of a chunk: digits and nothing else, since a sign would send the reader back."""
    size = CHUNK.fullmatch(line)
    if size is None:
        raise NotHttp
    return int(size[1], 16)
