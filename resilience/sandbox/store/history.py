"""A resource's last changes, so that watches can resume: a ring, small in memory.

An object of nested dicts takes some twenty kilobytes, and the ring holds two states of thousands of
them. So only the newest changes are kept unpacked; older ones are compressed to a fifteenth of
that, which costs a twentieth of a write, and are unpacked for the rare watch that starts that far
back.
"""

from __future__ import annotations

import marshal
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from resilience.sandbox.kube.api import Change, EventType, Resource

FRESH = 64
"""Changes kept unpacked: a watch that reconnects at once starts among these."""
_LEVEL = 1


class _Packed(NamedTuple):
    version: int
    type: EventType
    data: bytes


class History:
    """At most `limit` changes of one resource. A watch that starts before `lost` has a gap."""

    def __init__(self, resource: Resource, limit: int) -> None:
        self.resource = resource
        self.limit = limit
        self.lost = 0
        self._fresh: deque[Change] = deque()
        self._packed: deque[_Packed] = deque()

    def __len__(self) -> int:
        return len(self._fresh) + len(self._packed)

    def append(self, change: Change) -> None:
        """Keep one more change; the oldest is dropped when there are too many."""
        self._fresh.append(change)
        if len(self._fresh) > FRESH:
            self._packed.append(_pack(self._fresh.popleft()))
        if len(self) > self.limit:
            oldest: _Packed | Change = (self._packed or self._fresh).popleft()
            self.lost = oldest.version

    def after(self, version: int) -> Iterator[Change]:
        """Changes newer than `version` as of now, oldest first."""
        packed = [entry for entry in self._packed if entry.version > version]
        fresh = [change for change in self._fresh if change.version > version]
        return chain(map(self._unpack, packed), fresh)

    def forget(self, version: int) -> None:
        """Drop everything until `version`."""
        self._packed.clear()
        self._fresh.clear()
        self.lost = version

    def _unpack(self, entry: _Packed) -> Change:
        obj, old = marshal.loads(zlib.decompress(entry.data))
        return Change(
            type=entry.type, resource=self.resource, obj=obj, old=old, version=entry.version
        )


def _pack(change: Change) -> _Packed:
    data = zlib.compress(marshal.dumps((change.obj, change.old)), _LEVEL)
    return _Packed(change.version, change.type, data)
