"""Words that random requests are made of: what clients send, and what no client should.

One word a line where lines are free of blanks; tuples where a word is more than that.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.sandbox.apiserver.wire import config_map, deployment, pod


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


METHODS = ("GET", "GET", "GET", "POST", "PUT", "PATCH", "PATCH", "DELETE", "HEAD", "OPTIONS", "XYZ")
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("/api/v1", "pods", pod("n0")),
    ("/api/v1", "configmaps", config_map("n1", a="1")),
    ("/api/v1", "services", {"metadata": {"name": "n2"}, "spec": {"ports": [{"port": 80}]}}),
    ("/api/v1", "events", {"metadata": {"name": "n3"}, "involvedObject": {"namespace": "default"}}),
    ("/api/v1", "nodes", {"metadata": {"name": "n4"}}),
    ("/api/v1", "namespaces", {"metadata": {"name": "n5"}}),
    ("/api/v1", "secrets", {"metadata": {"name": "n6"}, "stringData": {"a": "b"}}),
    ("/api/v1", "persistentvolumeclaims", {"metadata": {"name": "n7"}, "spec": {}}),
    ("/apis/apps/v1", "deployments", deployment("n8")),
    ("/apis/policy/v1", "poddisruptionbudgets", {"metadata": {"name": "n9"}, "spec": {}}),
    ("/apis/events.k8s.io/v1", "events", {"metadata": {"name": "n3"}, "reason": "r"}),
    ("/apis/coordination.k8s.io/v1", "leases", {"metadata": {"name": "l"}, "spec": {}}),
    (
        "/apis/autoscaling/v1",
        "horizontalpodautoscalers",
        {"metadata": {"name": "h"}, "spec": {"maxReplicas": 2, "scaleTargetRef": {"name": "d"}}},
    ),
    ("/apis/authorization.k8s.io/v1", "subjectaccessreviews", {"spec": {"user": "u"}}),
    ("/apis/authentication.k8s.io/v1", "tokenreviews", {"spec": {"token": "t"}}),
    (
        "/apis/apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        {
            "metadata": {"name": "cs.x.y"},
            "spec": {
                "group": "x.y",
                "scope": "Cluster",
                "names": {"plural": "cs", "kind": "C"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "properties": {}}},
                    }
                ],
            },
        },
    ),
    ("/apis/x.y/v1", "cs", {"metadata": {"name": "c"}, "spec": {"a": [1]}}),
)
"""Where each kind lives, and an object that is refused or accepted as it stands."""

SUBRESOURCES = (
    *("",) * 20,
    "nothing",
    *_split(
        """
    status scale eviction binding token log exec attach portforward proxy finalize resize
    ephemeralcontainers approval
    """
    ),
)
QUERIES = _split(
    """
    watch labelSelector fieldSelector continue limit resourceVersion dryRun resourceVersionMatch
    timeoutSeconds allowWatchBookmarks sendInitialEvents force fieldManager fieldValidation
    includeObject pretty propagationPolicy command gracePeriodSeconds container follow tailLines
    sinceSeconds limitBytes stdin
    """
)
VALUES = (
    "",
    "é\0",
    "x" * 300,
    "a in (b,c)",
    *_split(
        """
    1 0 -1 true All Exact NotOlderThan 99999999999999999999 a=b,c!=d metadata.name=n1 (( %zz 1e9 []
    spec.nodeName=x Strict Foreground
    eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0
    """
    ),
)
MEDIA = (
    *("application/json",) * 6,
    "",
    *_split(
        """
    application/yaml text/plain application/x ;;
    application/merge-patch+json application/json-patch+json application/apply-patch+yaml
    application/strategic-merge-patch+json application/vnd.kubernetes.protobuf
    """
    ),
)
ACCEPT = (
    *("application/json",) * 6,
    "",
    *_split(
        """
    application/json */* text/x ;;;=, application/vnd.kubernetes.protobuf,application/json
    application/json;as=Table;v=v1;g=meta.k8s.io application/json;as=Table;v=v9
    application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io
    application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList
    """
    ),
)
PATHS = (
    "/a b",
    *_split(
        """
    / // * /api /apis /apis/apps /apis/x/y/z /openapi/v2 /openapi/v3 /openapi/v3/api/v1 /version
    /healthz /livez?verbose /metrics /api/v1/namespaces/default /api/v1/watch/pods
    /sandbox/v1/nothing http://[::1 /%00
    """
    ),
)
HEADERS = (
    "Expect: 100-continue",
    "Connection: Upgrade\r\nUpgrade: websocket",
    "Connection: Upgrade\r\nUpgrade: SPDY/3.1",
    "Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket",
    "Connection: close",
    "Content-Encoding: gzip",
    "Accept-Encoding: gzip",
    "Impersonate-User: someone",
    "Impersonate-Group: g",
    "Range: bytes=0-1",
    "Cookie: a=b; ;=",
    "Transfer-Encoding: gzip",
    "Content-Length: 5",
    "Host: y",
    "If-None-Match: *",
    "X: " + "y" * 70000,
    "Authorization: Bearer a.b.c",
    "Authorization: Basic eDp5",
    "Content-Type: a/b",
    "\x80: 1",
    ": x",
)
FIELDS = _split(
    """
    selector spec status metadata labels ownerReferences finalizers deletionTimestamp managedFields
    $patch generateName
    """
)
SCALARS: tuple[Any, ...] = (
    *(None, True, -1, 2**70, 1.5, "", "x", "é", "1Gi", "50%", "2026-01-01T00:00:00Z"),
    *([], {}, [None]),
)
OPERATIONS = ("add", "remove", "test", "move", "copy", "x")
POINTERS = ("/spec", "/metadata/labels/a", "", "/a/-", "/~")
ODD_BODIES = (b"", b"[" * 3000, b'{"a":' * 900, b"a: &a [*a]", b"k8s\0\x0a\xff")
UMLAUT = quote("ü", safe="")
