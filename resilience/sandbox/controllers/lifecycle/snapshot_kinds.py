"""The three kinds of snapshot.storage.k8s.io/v1 as CustomResourceDefinitions, and a default class.

Source: kubernetes-csi/external-snapshotter, client/config/crd. A real cluster gets them with its
CSI driver; here the driver of directory volumes is part of the cluster, so they exist from the
start. Group snapshots and the webhook of v1beta1 are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

GROUP: Final = "snapshot.storage.k8s.io"
DEFAULT_CLASS: Final = "snapshot.storage.kubernetes.io/is-default-class"
PROTECTED: Final = "https://github.com/kubernetes-csi/external-snapshotter/pull/814"

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "format": "int64", "minimum": 0}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
QUANTITY: Final[Schema] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
POLICY: Final[Schema] = {"type": "string", "enum": ["Delete", "Retain"]}
WORDS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}


def _object(*required: str, **properties: Schema) -> Schema:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, **needed}


def _one_of(**properties: Schema) -> Schema:
    choice = [{"required": [name]} for name in properties]
    return {"type": "object", "properties": properties, "oneOf": choice}


ERROR: Final = _object(message=TEXT, time=MOMENT)
REFERENCE: Final = _object(
    apiVersion=TEXT, fieldPath=TEXT, kind=TEXT, name=TEXT, namespace=TEXT, resourceVersion=TEXT,
    uid=TEXT,
)  # fmt: skip

SNAPSHOT: Final = _object(
    "spec",
    spec=_object(
        "source",
        source=_one_of(persistentVolumeClaimName=TEXT, volumeSnapshotContentName=TEXT),
        volumeSnapshotClassName=TEXT,
    ),
    status=_object(
        boundVolumeSnapshotContentName=TEXT, creationTime=MOMENT, error=ERROR, readyToUse=FLAG,
        restoreSize=QUANTITY,
    ),
)  # fmt: skip
CONTENT: Final = _object(
    "spec",
    spec=_object(
        "deletionPolicy", "driver", "source", "volumeSnapshotRef",
        deletionPolicy=POLICY,
        driver=TEXT,
        source=_one_of(snapshotHandle=TEXT, volumeHandle=TEXT),
        sourceVolumeMode=TEXT,
        volumeSnapshotClassName=TEXT,
        volumeSnapshotRef=REFERENCE,
    ),
    status=_object(
        creationTime=COUNT, error=ERROR, readyToUse=FLAG, restoreSize=COUNT, snapshotHandle=TEXT,
    ),
)  # fmt: skip
CLASS: Final = _object(
    "deletionPolicy", "driver", deletionPolicy=POLICY, driver=TEXT, parameters=WORDS
)

Column = tuple[str, str, str]
AGE: Final = ("Age", "date", ".metadata.creationTimestamp")
SNAPSHOT_COLUMNS: Final = (
    ("ReadyToUse", "boolean", ".status.readyToUse"),
    ("SourcePVC", "string", ".spec.source.persistentVolumeClaimName"),
    ("SourceSnapshotContent", "string", ".spec.source.volumeSnapshotContentName"),
    ("RestoreSize", "string", ".status.restoreSize"),
    ("SnapshotClass", "string", ".spec.volumeSnapshotClassName"),
    ("SnapshotContent", "string", ".status.boundVolumeSnapshotContentName"),
    ("CreationTime", "date", ".status.creationTime"),
    AGE,
)
CONTENT_COLUMNS: Final = (
    ("ReadyToUse", "boolean", ".status.readyToUse"),
    ("RestoreSize", "integer", ".status.restoreSize"),
    ("DeletionPolicy", "string", ".spec.deletionPolicy"),
    ("Driver", "string", ".spec.driver"),
    ("VolumeSnapshotClass", "string", ".spec.volumeSnapshotClassName"),
    ("VolumeSnapshot", "string", ".spec.volumeSnapshotRef.name"),
    ("VolumeSnapshotNamespace", "string", ".spec.volumeSnapshotRef.namespace"),
    AGE,
)
CLASS_COLUMNS: Final = (
    ("Driver", "string", ".driver"),
    ("DeletionPolicy", "string", ".deletionPolicy"),
    AGE,
)


def definitions() -> Iterator[dict[str, Any]]:
    """The three CustomResourceDefinitions."""
    yield _definition("VolumeSnapshot", "vs", "Namespaced", SNAPSHOT, SNAPSHOT_COLUMNS)
    yield _definition("VolumeSnapshotContent", "vsc", "Cluster", CONTENT, CONTENT_COLUMNS)
    yield _definition("VolumeSnapshotClass", "vsclass", "Cluster", CLASS, CLASS_COLUMNS)


def _definition(
    kind: str, short: str, scope: str, schema: Mapping[str, Any], columns: tuple[Column, ...]
) -> dict[str, Any]:
    singular = kind.lower()
    plural = f"{singular}es" if singular.endswith("s") else f"{singular}s"
    printed = [{"name": name, "type": type, "jsonPath": path} for name, type, path in columns]
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": dict(schema)},
        "additionalPrinterColumns": printed,
    }
    if "status" in schema["properties"]:
        version["subresources"] = {"status": {}}
    names = {
        "kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": singular,
        "shortNames": [short, f"{short}s"] if short != "vsclass" else [short, "vsclasses"],
    }  # fmt: skip
    return {
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "annotations": {"api-approved.kubernetes.io": PROTECTED},
        },
        "spec": {"group": GROUP, "names": names, "scope": scope, "versions": [version]},
    }


def default_class(driver: str) -> dict[str, Any]:
    """Class `standard`: snapshots are deleted with their VolumeSnapshot."""
    return {
        "metadata": {"name": "standard", "annotations": {DEFAULT_CLASS: "true"}},
        "driver": driver,
        "deletionPolicy": "Delete",
    }
