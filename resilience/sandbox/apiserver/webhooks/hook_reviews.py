"""AdmissionReviews: the request to a webhook, and the interpretation of its answer.

Source: k8s.io/api/admission/v1, and k8s.io/apiserver/pkg/admission/plugin/webhook/{request,errors}.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from resilience.sandbox.apiserver.webhooks.hook_matching import Attempt, Hook
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.patch import json_patch
from resilience.sandbox.store.store import clone, encode

VERSION = "admission.k8s.io/v1"
_NOT_YET = ("uid", "creationTimestamp", "generation", "managedFields", "resourceVersion")
"""What a new object gets only after admission."""
_OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


class WrongAnswer(ValueError):
    """The webhook's answer is not a review; the text says what it is."""


def review(attempt: Attempt) -> Obj:
    """The request."""
    resource = attempt.kind.resource
    kind = _kind(attempt)
    about = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    user = attempt.call.user
    request: dict[str, Any] = {
        "uid": str(uuid.uuid4()),
        "kind": kind,
        "resource": about,
        "requestKind": kind,
        "requestResource": about,
        "name": attempt.name,
        "namespace": attempt.namespace,
        "operation": attempt.operation,
        "userInfo": {"username": user.user, "groups": list(user.groups)},
        "object": _presented(attempt),
        "oldObject": attempt.old,
        "dryRun": attempt.call.dry_run,
        "options": {"apiVersion": "meta.k8s.io/v1",
                    "kind": _OPTIONS.get(attempt.operation, "ConnectOptions")},
    }  # fmt: skip
    if attempt.subresource:
        request["subResource"] = request["requestSubResource"] = attempt.subresource
    return {"kind": "AdmissionReview", "apiVersion": VERSION, "request": request}


def _kind(attempt: Attempt) -> Mapping[str, str]:
    """The kind of what is sent: a subresource may have one of its own (Eviction)."""
    resource, sent = attempt.kind.resource, attempt.obj or {}
    if not attempt.subresource or not sent.get("kind"):
        return {"group": resource.group, "version": resource.version, "kind": resource.kind}
    group, _, version = str(sent.get("apiVersion", "")).rpartition("/")
    return {"group": group, "version": version, "kind": str(sent["kind"])}


def _presented(attempt: Attempt) -> Obj | None:
    if attempt.obj is None or attempt.operation != "CREATE":
        return attempt.obj
    metadata = attempt.obj.get("metadata") or {}
    kept = {key: value for key, value in metadata.items() if key not in _NOT_YET}
    return {**attempt.obj, "metadata": kept}


def fingerprint(hook: Hook, question: Obj) -> str:
    """Equal for equal requests; a generated name makes no difference."""
    request = {key: value for key, value in question["request"].items() if key != "uid"}
    metadata = (request.get("object") or {}).get("metadata") or {}
    if metadata.get("generateName"):
        bare = {key: value for key, value in metadata.items() if key != "name"}
        request = {**request, "name": "", "object": {**request["object"], "metadata": bare}}
    text = json.dumps([hook.configuration, hook.name, dict(hook.spec), request], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def checked(question: Obj, answer: Any) -> Obj:
    """The response of an answer; WrongAnswer."""
    if not isinstance(answer, dict) or answer.get("kind") != "AdmissionReview":
        raise WrongAnswer("expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview")
    response = answer.get("response")
    if not isinstance(response, dict):
        raise WrongAnswer("webhook response was absent")
    if response.get("uid") != question["request"]["uid"]:
        wanted = question["request"]["uid"]
        raise WrongAnswer(f'expected response.uid="{wanted}", got "{response.get("uid", "")}"')
    return response


def refusal(hook: Hook, response: Obj) -> ApiError:
    """The answer to a client whose request a webhook denied."""
    status = response.get("status") or {}
    denied = f'admission webhook "{hook.name}" denied the request'
    why = status.get("message") or status.get("reason")
    text = f"{denied}: {why}" if why else f"{denied} without explanation"
    code = int(status.get("code") or 0)
    return ApiError(code if code >= 400 else 400, str(status.get("reason") or ""), text)


def mutated(obj: Obj, response: Obj) -> Obj:
    """The object as patched by the webhook; WrongAnswer if its patch is invalid or does not
    apply."""
    text = response.get("patch")
    if not text:
        return obj
    if response.get("patchType") != "JSONPatch":
        raise WrongAnswer(f"invalid response.patchType {response.get('patchType')!r}")
    try:
        patch = json.loads(base64.b64decode(text, validate=True))
        out = json_patch.apply(clone(obj), patch)
    except (binascii.Error, ValueError) as error:
        raise WrongAnswer(f"the patch cannot be applied: {error}") from error
    if not isinstance(out, dict):
        raise WrongAnswer("the patched object is no object")
    return out if encode(out) != encode(obj) else obj
