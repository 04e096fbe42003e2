"""Where snapshots are kept: one small protocol, three stores (S3, a directory, memory)."""

from resilience.backup.store.base import Entry, Store, Stored, Upload
from resilience.backup.store.url import open_store

__all__ = ["Entry", "Store", "Stored", "Upload", "open_store"]
