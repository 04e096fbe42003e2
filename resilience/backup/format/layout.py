"""All keys of the store, built here and nowhere else.

Velero lists the directories below the prefix every minute and stops working when it finds an
unknown one: `backups restores restic metadata plugins kopia` are all that may exist (velero
pkg/persistence/object_store_layout.go). So all files of one snapshot are in `backups/NAME/`, where
Velero ignores unknown files and deletes them together with the backup, and everything that outlives
a snapshot is under `plugins/resilience/`. Pure: text in, text out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256

from resilience.backup.format.errors import BadRequest

BACKUPS = "backups/"
OURS = "plugins/resilience/"
KNOWN_DIRECTORIES = frozenset({"backups", "restores", "restic", "metadata", "plugins", "kopia"})
CREATE_ONLY_PROBE = OURS + "create-only"
RESTIC = OURS + "restic"
"""The repository of restic, a directory whose keys are its own."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_STAMP = "%Y%m%d%H%M%S"


def checked_name(name: str) -> str:
    """A snapshot's name is a DNS subdomain, because Velero makes a Backup object of it."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise BadRequest(
            f"snapshot name {name!r}: expected lower case letters, digits, '-' and '.', starting "
            "and ending with a letter or digit, at most 253 characters"
        )
    return name


def stamped_name(plan: str, moment: datetime) -> str:
    """PLAN-YYYYMMDDhhmmss in UTC, as Velero names the backups of a schedule."""
    return checked_name(f"{plan}-{moment.astimezone(UTC).strftime(_STAMP)}")


def directory(name: str) -> str:
    """The prefix of all files of one snapshot."""
    return f"{BACKUPS}{name}/"


def marker(name: str) -> str:
    """Written last; a snapshot without it does not exist for Velero."""
    return f"{BACKUPS}{name}/velero-backup.json"


def sealed_marker(name: str) -> str:
    """The marker of an encrypted snapshot. Velero must not list what it could never restore."""
    return f"{BACKUPS}{name}/resilience-sealed.json"


def is_marker(key: str) -> bool:
    """Whether a key makes a snapshot visible."""
    name = snapshot_of(key)
    return bool(name) and key in (marker(name), sealed_marker(name))


def archive(name: str) -> str:
    """All objects."""
    return f"{BACKUPS}{name}/{name}.tar.gz"


def sealed(key: str) -> str:
    """The encrypted form of a file."""
    return key + ".age"


def side(name: str, what: str) -> str:
    """One of Velero's gzipped JSON files, for example `resource-list`."""
    ending = ".gz" if what in ("results", "logs") else ".json.gz"
    return f"{BACKUPS}{name}/{name}-{what}{ending}"


def objects(name: str) -> str:
    """One JSON line per object, in the archive's order."""
    return f"{BACKUPS}{name}/resilience-objects.jsonl.gz"


def manifest(name: str) -> str:
    """The manifest of the snapshot."""
    return f"{BACKUPS}{name}/resilience-manifest.json"


def signature(name: str) -> str:
    """Hash and signature of the manifest."""
    return f"{BACKUPS}{name}/resilience-manifest.sig"


def verification(name: str, moment: datetime) -> str:
    """The record of one verification; microseconds distinguish two records of the same second."""
    return f"{BACKUPS}{name}/verified-{moment.astimezone(UTC).strftime('%Y%m%dT%H%M%S.%fZ')}.json"


def is_verification(key: str) -> bool:
    """Whether a key is a verification's record."""
    return re.fullmatch(r"backups/[^/]+/verified-[0-9TZ.]+\.json", key) is not None


def is_ours(key: str) -> bool:
    """Whether only this program writes such a key in a snapshot's directory."""
    name = snapshot_of(key)
    plain = key.removesuffix(".age")
    known = (objects(name), manifest(name), signature(name), sealed_marker(name))
    below = (f"{BACKUPS}{name}/volumes/", f"{BACKUPS}{name}/dumps/", saved(name))
    return bool(name) and (plain != key or plain in known or plain.startswith(below))


def short(name: str, most: int = 240) -> str:
    """A name of at most `most` characters that no other name has. A file's name has at most 255
    bytes, with its endings and those of an encrypted one; a claim's may have 253 characters."""
    if len(name) <= most:
        return name
    return f"{name[: most - 17].rstrip('-.')}-{sha256(name.encode()).hexdigest()[:16]}"


def volume(name: str, namespace: str, claim: str) -> str:
    """The tar stream of one volume."""
    return f"{BACKUPS}{name}/volumes/{namespace}/{short(claim)}.tar"


def dump(name: str, namespace: str, pod: str, what: str) -> str:
    """The stream of one application dump."""
    return f"{BACKUPS}{name}/dumps/{namespace}/{pod}/{what}"


def saved(name: str) -> str:
    """The prefix of what is known about an unfinished snapshot; gone when it is complete."""
    return f"{BACKUPS}{name}/saved/"


def saved_volume(name: str, namespace: str, claim: str) -> str:
    """The record of a volume that an unfinished snapshot has."""
    return f"{saved(name)}volumes/{namespace}/{short(claim)}.json"


def is_saved_volume(key: str) -> bool:
    """Whether a key is such a record."""
    return key.startswith(f"{saved(snapshot_of(key))}volumes/")


def saved_shard(name: str, shard: int, shards: int) -> str:
    """Exists once a shard has saved all of its volumes."""
    return f"{saved(name)}shards/{shard}-of-{shards}"


def locks(name: str) -> str:
    """The prefix of a lock's records."""
    return f"{OURS}locks/{name}/"


def own_locks(name: str, what: str) -> str:
    """The prefix of the records of a lock that is needed until a snapshot is complete."""
    return f"{saved(name)}locks/{what}/"


def clock_probe(token: str) -> str:
    """A small object that shows what the store's clock says."""
    return f"{OURS}clock/{token}"


def snapshot_of(key: str) -> str:
    """The snapshot that a key belongs to, "" when it belongs to none."""
    parts = key.split("/")
    return parts[1] if len(parts) >= 3 and parts[0] == "backups" else ""
