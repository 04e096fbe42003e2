"""Whether two UUIDs identify the same machine.

SMBIOS before 2.6 stored the first three groups in network order, later versions in the processor's,
so one machine's UUID is read in two ways (SMBIOS Reference Specification, 7.2.1).
"""

from __future__ import annotations

from uuid import UUID


def same_uuid(one: str, other: str) -> bool:
    """Equal in either byte order. False for a text that is not a UUID."""
    try:
        first, second = UUID(one.strip()), UUID(other.strip())
    except ValueError:
        return False
    return first.bytes in (second.bytes, second.bytes_le)
