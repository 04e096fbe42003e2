"""Archives of a few objects, and tarballs of anything."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from resilience.backup.format.archive import Address, Compressor, Writer

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
