"""What a new certificate request must be, and who asks by it.

Sources: pkg/registry/certificates/certificates/strategy.go, pkg/apis/certificates/validation and
the admission plugin CertificateSubjectRestriction.
"""

from __future__ import annotations

import base64
import binascii

from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.host import certificate_authority
from resilience.sandbox.kube import refusals

_USERS = "kubernetes.io/kube-apiserver-client"
_LEGACY = "kubernetes.io/legacy-unknown"
_MASTERS = "system:masters"


def admit(request: Request) -> None:
    """Note who asks; ApiError for a request that nobody could sign."""
    spec = request.obj.get("spec")
    if not isinstance(spec, dict):
        return
    for field in ("uid", "extra"):
        spec.pop(field, None)
    user = request.call.user
    spec |= {"username": user.user, "groups": list(user.groups)}
    causes = []
    signer, seconds = spec.get("signerName"), spec.get("expirationSeconds")
    if not spec.get("usages"):
        causes.append(refusals.value_required("spec.usages"))
    if signer == _LEGACY:
        why = "the legacy signerName is not allowed via this API version"
        causes.append(refusals.value_invalid("spec.signerName", signer, why))
    if seconds is not None and seconds < 600:
        why = "may not specify a duration less than 600 seconds (10 minutes)"
        causes.append(refusals.value_invalid("spec.expirationSeconds", seconds, why))
    groups: list[str] = []
    try:
        parsed = certificate_authority.parse(base64.b64decode(spec.get("request") or ""))
        groups = certificate_authority.subject_of(parsed)[1]
    except (ValueError, binascii.Error) as error:
        causes.append(refusals.value_invalid("spec.request", spec.get("request"), str(error)))
    if causes:
        raise refusals.invalid(request.resource, request.name, causes)
    if signer == _USERS and _MASTERS in groups:
        why = f"use of {_USERS} signer with {_MASTERS} group is not allowed"
        raise refusals.forbidden(request.resource, request.name, why)
