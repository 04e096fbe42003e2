"""The rules of Events: their namespace, and the required fields of new-style ones.

Source: pkg/apis/core/validation/events.go (`legacyValidateEvent`), which applies to both names of
an Event, on creation and on update.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause

Obj = dict[str, Any]
_LONGEST = {"reportingInstance": 128, "action": 128, "reason": 128, "message": 1024}
_CLUSTER = ("default", "kube-system")


def check(obj: Obj, old: Obj | None) -> list[Cause]:
    """Causes in an Event, in its core/v1 form."""
    about = (obj.get("involvedObject") or {}).get("namespace") or ""
    here = obj["metadata"].get("namespace", "")
    new_style = bool(obj.get("eventTime"))
    causes = []
    if not _fits(about, here, new_style=new_style):
        causes.append(
            refusals.value_invalid(
                "involvedObject.namespace", about, "does not match event.namespace"
            )
        )
    return causes + (_new_style(obj) if new_style else [])


def _fits(about: str, here: str, *, new_style: bool) -> bool:
    """Only Events about cluster-scoped objects have no `involvedObject.namespace`."""
    if about:
        return new_style or about == here
    return here in (_CLUSTER if new_style else _CLUSTER[:1])


def _new_style(obj: Obj) -> list[Cause]:
    causes = [
        refusals.value_required(field)
        for field in ("reportingComponent", "reportingInstance", "action", "reason")
        if not obj.get(field)
    ]
    causes += [
        refusals.value_invalid(field, "", f"can have at most {most} characters")
        for field, most in _LONGEST.items()
        if len(str(obj.get(field) or "").encode()) > most
    ]
    return causes
