"""Approved certificate requests become certificates.

Sources: pkg/controller/certificates/signer, pkg/apis/certificates/helpers.go. The signers are those
for users (`kubernetes.io/kube-apiserver-client`) and for servers of nodes; requests to
another signer wait for it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

from cryptography import x509

from resilience.sandbox.host import certificate_authority
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_true, set_condition
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.controller_context import Controller, unless_gone

_YEAR = 365 * 86400
_LEAST = 600
_SERVING = ("digital signature", "key encipherment", "server auth")
_OPTIONAL = ("digital signature", "key encipherment")
Rule = Callable[[x509.CertificateSigningRequest, Sequence[str]], str]


class CertificateSigning(Controller):
    """See the module."""

    name = "csr-signing-controller"

    def start(self) -> None:
        """Watch the requests, where there is an authority."""
        self._kind = self.context.kind("certificatesigningrequests", "certificates.k8s.io")
        if self.context.issue is not None:
            self.context.watch(self._kind, self.enqueue_object)

    def reconcile(self, key: Key) -> float | None:
        """Sign one request, or say why that is not possible."""
        found = self.api.find(self._kind, *key)
        rule = SIGNERS.get(found["spec"]["signerName"]) if found is not None else None
        if found is None or rule is None or not _waits(found):
            return None
        spec, status = found["spec"], found.get("status") or {}
        data, usages = base64.b64decode(spec["request"]), spec.get("usages") or []
        wrong = rule(certificate_authority.parse(data), usages)
        if wrong:
            now = self.clock.now()
            conditions = set_condition(
                status.get("conditions") or [], "Failed", "True", "SignerValidationFailure", wrong,
                now, lastUpdateTime=stamp(now),
            )  # fmt: skip
            status = {**status, "conditions": conditions}
        else:
            assert self.context.issue is not None
            seconds = max(_LEAST, min(spec.get("expirationSeconds") or _YEAR, _YEAR))
            pem = self.context.issue(data, usages, seconds)
            status = {**status, "certificate": base64.b64encode(pem.encode()).decode()}
        unless_gone(lambda: self.api.update(self._kind, {**found, "status": status}, "status"))
        return None


def _waits(request: Obj) -> bool:
    issued = (request.get("status") or {}).get("certificate")
    return is_true(request, "Approved") and not is_true(request, "Failed") and not issued


def _of_a_user(_request: x509.CertificateSigningRequest, usages: Sequence[str]) -> str:
    """What is wrong with a request for a user's certificate, "" if nothing is."""
    others = [usage for usage in usages if usage not in (*_OPTIONAL, "client auth")]
    if others:
        return f"invalid usage for client certificate: {others[0]}"
    if "client auth" not in usages:
        return "missing required usage for client certificate: client auth"
    return ""


def _of_a_node(request: x509.CertificateSigningRequest, usages: Sequence[str]) -> str:
    """The same for the certificate of a node's server."""
    name, groups = certificate_authority.subject_of(request)
    others = certificate_authority.alternatives(request)
    if groups != ["system:nodes"]:
        return "subject organization is not system:nodes"
    if others is None or not any(
        isinstance(each, x509.DNSName | x509.IPAddress) for each in others
    ):
        return "DNS or IP subjectAltName is required"
    for kind, word in ((x509.RFC822Name, "Email"), (x509.UniformResourceIdentifier, "URI")):
        if any(isinstance(each, kind) for each in others):
            return f"{word} subjectAltNames are not allowed"
    if {*usages, "key encipherment"} != set(_SERVING):
        return f"usages did not match [{' '.join(_SERVING)}]"
    if not name.startswith("system:node:"):
        return "subject common name does not begin with system:node:"
    return ""


SIGNERS: dict[str, Rule] = {
    "kubernetes.io/kube-apiserver-client": _of_a_user,
    "kubernetes.io/kubelet-serving": _of_a_node,
}
