"""What can go wrong with a backup, named for the decision it calls for.

BackupError
├── StoreError              the store refused, or did not answer
│   ├── StoreUnreachable    no usable answer: try again later
│   ├── StoreRefused        no permission, wrong region, wrong clock, no bucket: change the settings
│   │   └── Withheld        the store lists the object and does not give it out
│   ├── StoreFull           no space left: nothing of what was being written is visible
│   ├── Missing             no such key
│   ├── Exists              a create-only write found the key taken
│   ├── Retained            a lock on the object forbids its deletion until a date
│   │   └── Undeletable     these credentials may not delete
│   ├── Archived            the object is in an archive class: the store must restore it first
│   └── OverwritesSilently  the store ignores create-only writes
├── NoSnapshot              no snapshot of that name; the message names the nearest
├── Incomplete              something was not collected: no snapshot became visible
├── Tampered                what is stored is not what was written
├── UnknownFormat           written by a newer version: read it with that version
├── BadArchive              the tarball cannot be read safely
├── RestoreRefused          nothing was created, and why
│   ├── InUse               the scratch namespace is another drill's, or not a drill's at all
│   ├── NoWall              a drill's wall is not proven: no workload was created
│   └── StillThere          a deleted scratch namespace still exists
├── HookFailed              a hook of the application failed
├── VolumeFailed            a volume's stream lacks one of its four proofs
│   └── HelperLost          its helper Pod was deleted in the meantime: it can be started again
├── SentinelFailed          the application could not store or return the sentinel
├── Busy                    someone else holds the lock; the message names the holder
└── BadRequest              the caller's input is wrong: name, schedule, URL, key
"""

from __future__ import annotations


class BackupError(Exception):
    """Base of everything this room raises. The text says object, observed, expected, next step."""


class StoreError(BackupError):
    """The store refused, or did not answer."""


class StoreUnreachable(StoreError):
    """No usable answer; a write may or may not have happened."""


class StoreRefused(StoreError):
    """An answer that retrying will not change."""


class Withheld(StoreRefused):
    """One object cannot be read: its own permission or key, or the disk below it."""


class StoreFull(StoreError):
    """No space left."""


class Missing(StoreError):
    """No such key."""


class Exists(StoreError):
    """The key already exists."""


class Retained(StoreError):
    """A retention lock forbids the deletion."""


class Undeletable(Retained):
    """The store refuses the deletion to these credentials."""


class Archived(StoreError):
    """The object cannot be read until the store has restored it."""


class OverwritesSilently(StoreError):
    """The store accepts a create-only write over an existing key."""


class NoSnapshot(BackupError):
    """No snapshot of that name."""


class Incomplete(BackupError):
    """Something requested was not collected."""


class Tampered(BackupError):
    """The stored bytes differ from those written."""


class UnknownFormat(BackupError):
    """Written by a newer version."""


class BadArchive(BackupError):
    """The tarball cannot be read, or not safely."""


class RestoreRefused(BackupError):
    """Nothing was created."""


class InUse(RestoreRefused):
    """The scratch namespace belongs to someone else."""


class NoWall(RestoreRefused):
    """A drill's wall is not proven."""


class StillThere(RestoreRefused):
    """A scratch namespace is a leftover."""


class HookFailed(BackupError):
    """A hook of the application failed."""


class VolumeFailed(BackupError):
    """A volume's stream lacks a proof."""


class HelperLost(VolumeFailed):
    """The helper Pod was taken away."""


class SentinelFailed(BackupError):
    """The sentinel could not be written or read."""


class Busy(BackupError):
    """Someone else holds the lock."""


class BadRequest(BackupError):
    """The caller's own input is wrong."""


UNRELATED = (StoreUnreachable, HelperLost, Busy)
"""Errors of a moment, which say nothing about what is stored."""

UNREADABLE = (Tampered, UnknownFormat, Missing, Archived, Withheld)
"""Errors that keep one snapshot from being read and say nothing about any other."""
