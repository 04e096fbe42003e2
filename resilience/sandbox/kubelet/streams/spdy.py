"""SPDY/3.1 framing (draft-mbelshe-httpbis-spdy-00), as far as kubectl uses it.

It is carried by a WebSocket or the bare connection (see `carrier`). Only what a server needs:
streams that the client opens, data both ways, end of stream. There is no flow control: kubectl's
library has none either.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

VERSION = 0x8003
SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN = 1
_NAMES = (
    "options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,accept-language,"
    "accept-ranges,age,allow,authorization,cache-control,connection,content-base,content-encoding,"
    "content-language,content-length,content-location,content-md5,content-range,content-type,date,"
    "etag,expect,expires,from,host,if-match,if-modified-since,if-none-match,if-range,"
    "if-unmodified-since,last-modified,location,max-forwards,pragma,proxy-authenticate,"
    "proxy-authorization,range,referer,retry-after,server,te,trailer,transfer-encoding,upgrade,"
    "user-agent,vary,via,warning,www-authenticate,method,get,status,200 OK,version,HTTP/1.1,url,"
    "public,set-cookie,keep-alive,origin"
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00"
    " Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(struct.pack(">I", len(word)) + word.encode() for word in _NAMES.split(","))
    + _TAIL.encode()
)
"""Both sides' compressors start with it; its Adler-32, 0xE3C6A7C2, stands in each stream."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame from the client: `kind` 0 is data; `headers` only if a stream opens."""

    kind: int
    stream: int
    final: bool = False
    data: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Codec:
    """One connection's two compressors and what has arrived of the next frame."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._arrived = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes; ValueError for anything but SPDY/3."""
        self._arrived += data
        while len(self._arrived) >= 8:
            first, second = struct.unpack_from(">II", self._arrived)
            length = second & 0xFFFFFF
            if len(self._arrived) < 8 + length:
                return
            payload = bytes(self._arrived[8 : 8 + length])
            del self._arrived[: 8 + length]
            frame = self._frame(first, second >> 24, payload)
            if frame is not None:
                yield frame

    def _frame(self, first: int, flags: int, payload: bytes) -> Frame | None:
        if not first >> 31:
            return Frame(0, first, bool(flags & FIN), payload)
        if first >> 16 != VERSION:
            raise ValueError(f"SPDY version {first >> 16:#x}")
        kind = first & 0xFFFF
        if kind == SYN_STREAM:
            (stream,) = struct.unpack_from(">I", payload)
            return Frame(kind, stream, bool(flags & FIN), headers=self._headers(payload[10:]))
        if kind in (RST_STREAM, PING, GOAWAY):
            (stream,) = struct.unpack_from(">I", payload)
            return Frame(kind, stream, data=payload)
        return None  # settings, window updates: nothing here depends on them

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block)
        (count,) = struct.unpack_from(">I", plain)
        place, words = 4, []
        for _ in range(2 * count):
            (length,) = struct.unpack_from(">I", plain, place)
            words.append(plain[place + 4 : place + 4 + length].decode("latin-1"))
            place += 4 + length
        return dict(zip(words[::2], words[1::2], strict=True))

    def reply(self, stream: int) -> bytes:
        """Accept a stream the client opened."""
        plain = struct.pack(">I", 0)
        block = self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_REPLY, struct.pack(">I", stream) + block)


def _control(kind: int, payload: bytes) -> bytes:
    return struct.pack(">HHI", VERSION, kind, len(payload)) + payload


def pong(frame: Frame) -> bytes:
    """The answer to a PING."""
    return _control(PING, frame.data)


def data(stream: int, content: bytes, *, final: bool = False) -> bytes:
    """A piece of a stream."""
    return struct.pack(">II", stream, (FIN if final else 0) << 24 | len(content)) + content
