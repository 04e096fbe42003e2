"""Names, labels, annotations: the allowed content of `metadata`.

Sources: k8s.io/apimachinery/pkg/util/validation/validation.go, pkg/api/validation/objectmeta.go.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from resilience.sandbox.kube import labels, refusals
from resilience.sandbox.kube.refusals import Cause

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_LABEL_1035 = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_ANNOTATIONS = 256 * 1024

LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must"
    " start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an"
    " alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123',"
    " regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_KEY_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    " '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_LENGTH = "must be no more than {} bytes"
_LABELLED = frozenset({("", "namespaces")})
_FREE = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings", "csinodes"})


def is_label(text: str) -> list[str]:
    """What is wrong with a DNS-1123 label."""
    return _check(text, _LABEL, LABEL_TEXT, 63)


def is_label_1035(text: str) -> list[str]:
    """What is wrong with a DNS-1035 label."""
    return _check(text, _LABEL_1035, LABEL_1035_TEXT, 63)


def is_subdomain(text: str) -> list[str]:
    """What is wrong with a DNS-1123 subdomain."""
    return _check(text, _SUBDOMAIN, SUBDOMAIN_TEXT, 253)


def _check(text: str, pattern: re.Pattern[str], why: str, longest: int) -> list[str]:
    found = [_LENGTH.format(longest)] if len(text) > longest else []
    return found if pattern.match(text) else [*found, why]


def is_path_segment(text: str) -> list[str]:
    """RBAC names may hold anything that a URL segment may."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{bad}'" for bad in ("/", "%") if bad in text]


def is_address(text: str) -> list[str]:
    """What is wrong with an IP address in its canonical spelling."""
    try:
        found = str(ipaddress.ip_address(text))
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if found == text else [f'must be in canonical form ("{found}")']


def rule_for(group: str, plural: str) -> Callable[[str], list[str]]:
    """How a resource's names are checked."""
    if (group, plural) in _LABELLED:
        return is_label
    if (group, plural) == ("", "services"):
        return is_label_1035
    if (group, plural) == ("networking.k8s.io", "ipaddresses"):
        return is_address
    return is_path_segment if plural in _FREE else is_subdomain


_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_EXTENSIONS = ("apiextensions.k8s.io", "apiregistration.k8s.io", "admissionregistration.k8s.io")
"""Groups whose objects are validated by apimachinery alone, as custom resources are."""


def takes_any_finalizer(group: str, *, is_custom: bool) -> bool:
    """Whether finalizers of such objects need no domain: validateKubeFinalizerName of
    pkg/apis/core/validation asks for one only of Kubernetes' own kinds."""
    return is_custom or group in _EXTENSIONS


def metadata(
    value: dict[str, Any], rule: Callable[[str], list[str]], *, any_finalizer: bool = False
) -> list[Cause]:
    """Causes in an object's own metadata. With `any_finalizer` they need no domain."""
    name = value.get("name", "")
    causes = [refusals.value_invalid("metadata.name", name, why) for why in rule(name)]
    causes += pairs(value.get("labels"), "metadata.labels")
    causes += notes(value.get("annotations"), "metadata.annotations")
    for at, finalizer in enumerate(value.get("finalizers") or ()):
        if not labels.is_name(finalizer):
            causes.append(refusals.value_invalid("metadata.finalizers", finalizer, _KEY_TEXT))
        elif not any_finalizer and "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            where = f"metadata.finalizers[{at}]"
            causes.append(refusals.value_invalid(where, finalizer, why))
    return causes + owners(value.get("ownerReferences"))


def owners(references: Any) -> list[Cause]:
    """Causes in ownerReferences; at most one of them is the controller."""
    causes, controllers = [], 0
    for at, reference in enumerate(references or ()):
        where = f"metadata.ownerReferences[{at}]"
        for field, why in (
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ):
            if not reference.get(field):
                causes.append(refusals.value_invalid(f"{where}.{field}", "", why))
        controllers += bool(reference.get("controller"))
    if controllers > 1:
        causes.append(
            refusals.value_invalid(
                "metadata.ownerReferences",
                references,
                "Only one reference can have Controller set to true.",
            )
        )
    return causes


def pairs(value: Any, where: str) -> list[Cause]:
    """Causes in a map of labels."""
    causes = []
    for key, text in (value or {}).items():
        if not labels.is_name(key):
            causes.append(refusals.value_invalid(where, key, _KEY_TEXT))
        if not labels.is_value(text):
            why = _LENGTH.format(63) if len(text) > 63 else _VALUE_TEXT
            causes.append(refusals.value_invalid(where, text, why))
    return causes


def notes(value: Any, where: str) -> list[Cause]:
    """Causes in annotations: keys as for labels in any case, 256 KiB in all."""
    causes, total = [], 0
    for key, text in (value or {}).items():
        total += len(key.encode(errors="replace")) + len(text.encode(errors="replace"))
        if not labels.is_name(key.lower()):
            causes.append(refusals.value_invalid(where, key, _KEY_TEXT))
    if total > _ANNOTATIONS:
        causes.append(refusals.value_too_long(where, _ANNOTATIONS))
    return causes


def selector(value: Any, where: str, *, may_be_empty: bool = True) -> list[Cause]:
    """Causes in a LabelSelector."""
    value = value or {}
    causes = pairs(value.get("matchLabels"), f"{where}.matchLabels")
    for at, term in enumerate(value.get("matchExpressions") or ()):
        inner = f"{where}.matchExpressions[{at}]"
        operator, values = term.get("operator"), term.get("values") or ()
        if operator in ("In", "NotIn"):
            if not values:
                causes.append(
                    refusals.value_required(
                        f"{inner}.values", "must be specified when `operator` is 'In' or 'NotIn'"
                    )
                )
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                causes.append(
                    refusals.value_forbidden(
                        f"{inner}.values",
                        "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                    )
                )
        else:
            causes.append(
                refusals.value_invalid(
                    f"{inner}.operator", operator or "", "not a valid selector operator"
                )
            )
        if not labels.is_name(term.get("key", "")):
            causes.append(refusals.value_invalid(f"{inner}.key", term.get("key", ""), _KEY_TEXT))
    if not may_be_empty and not value.get("matchLabels") and not value.get("matchExpressions"):
        causes.append(
            refusals.value_invalid(where, value, "empty selector is invalid for deployment")
        )
    return causes
