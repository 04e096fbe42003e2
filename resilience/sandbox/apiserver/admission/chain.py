"""The order in which a write is defaulted, admitted and validated.

One chain per API server. Order as in the real server: defaults (decoding), mutating plugins, the
strategy's own preparation, validation, validating plugins. An `ApiError` ends the write before
anything is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from resilience.sandbox.apiserver.access import escalation
from resilience.sandbox.apiserver.admission import (
    certificate_requests,
    cluster_plugins,
    defaults,
    limit_ranges,
    namespace_lifecycle,
    pod_plugins,
    pod_updates,
    runtime_classes,
    sandbox_warnings,
    topology_labels,
    workload_defaults,
)
from resilience.sandbox.apiserver.admission.quota_plugin import Quotas
from resilience.sandbox.apiserver.admission.services.service_addresses import ServiceAddresses
from resilience.sandbox.apiserver.custom import definition_rules
from resilience.sandbox.apiserver.kinds.crds import Definitions
from resilience.sandbox.apiserver.policies import (
    mutating_policies,
    pod_security,
    validating_policies,
)
from resilience.sandbox.apiserver.policies.mutating_policies import MutatingPolicies
from resilience.sandbox.apiserver.policies.validating_policies import ValidatingPolicies
from resilience.sandbox.apiserver.validation import kind_rules
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.apiserver.webhooks.admission_hooks import AdmissionHooks
from resilience.sandbox.apiserver.webhooks.hook_matching import Attempt
from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.call import SYSTEM, Call
from resilience.sandbox.schema import strict
from resilience.sandbox.schema.facts import builtin

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_LIMITED = frozenset({("", "pods"), ("", "persistentvolumeclaims")})
_GROUP = "admissionregistration.k8s.io"
_DEFINITIONS: dict[tuple[str, str], tuple[Callable[[Request], None], ...]] = {
    ("apiextensions.k8s.io", "customresourcedefinitions"): (definition_rules.prepare,),
    (_GROUP, "validatingadmissionpolicies"): (validating_policies.prepare,),
    (_GROUP, "mutatingadmissionpolicies"): (mutating_policies.prepare,),
    (_GROUP, "mutatingwebhookconfigurations"): (sandbox_warnings.of_conditions,),
    (_GROUP, "validatingwebhookconfigurations"): (sandbox_warnings.of_conditions,),
}
_LENIENT = Call(user=SYSTEM.user, validation="Ignore")
Plugin = Callable[[Request], None]


class Chain:
    """See the module."""

    def __init__(self, registry: Registry, network: str, images: Sequence[OwnImage]) -> None:
        self._images = images
        addresses = ServiceAddresses(network)
        registry.subscribe(registry.resource("services"), addresses.follow)
        self._create: dict[tuple[str, str], tuple[Plugin, ...]] = {
            ("", "pods"): (
                limit_ranges.default_pod,
                pod_plugins.admit,
                runtime_classes.admit,
                topology_labels.admit,
            ),
            ("", "services"): (addresses.admit,),
            ("", "nodes"): (cluster_plugins.new_node,),
            ("", "persistentvolumeclaims"): (
                cluster_plugins.default_storage_class,
                cluster_plugins.protect,
            ),
            ("", "persistentvolumes"): (cluster_plugins.protect,),
            ("batch", "jobs"): (_job_selector,),
            ("certificates.k8s.io", "certificatesigningrequests"): (certificate_requests.admit,),
            ("apps", "daemonsets"): (_template_generation,),
        }
        self._quotas = Quotas(registry)
        self.hooks = AdmissionHooks(registry)
        self._validating = ValidatingPolicies(registry)
        self._mutating = MutatingPolicies(registry)
        self.definitions = Definitions(registry)
        self._create |= _DEFINITIONS
        self._update: dict[tuple[str, str], tuple[Plugin, ...]] = {
            ("", "pods"): (pod_plugins.update, pod_updates.own_door),
            ("", "services"): (addresses.admit,),
            ("apps", "daemonsets"): (_template_generation,),
            **_DEFINITIONS,
        }

    def early(self, request: Request) -> None:
        """Checks that come before all others."""
        namespace_lifecycle.check_create(request)

    def create(self, request: Request) -> None:
        """Default, admit and validate a new object."""
        _complete(request)
        defaults.apply(request.key, request.obj)
        plugins = self._create.get(request.key, ())
        for plugin in plugins:
            plugin(request)
        self._mutate(request, "CREATE", plugins)
        escalation.check(request)
        self._validate(request)
        if request.key in _LIMITED:
            limit_ranges.check(request)
        pod_security.check(request)
        sandbox_warnings.of_images(request, self._images)
        self.judge(_attempt(request, "CREATE"))
        self._quotas.admit(request)

    def update(self, request: Request) -> None:
        """The same for a changed object. Status writes pass unchanged."""
        self._update_only(request)
        self.judge(_attempt(request, "UPDATE"))

    def judge(self, attempt: Attempt) -> None:
        """Ask policies, then validating webhooks; ApiError."""
        self._validating.validate(attempt)
        self.hooks.validate(attempt)

    def _update_only(self, request: Request) -> None:
        if request.subresource in ("status", "binding", "finalize"):
            if not request.kind.model:
                self.definitions.check(request)
            return
        _complete(request)
        defaults.apply(request.key, request.obj)
        if request.subresource in pod_updates.DOORS:
            self._through_door(request)
            return
        plugins = self._update.get(request.key, ())
        for plugin in plugins:
            plugin(request)
        self._mutate(request, "UPDATE", plugins)
        escalation.check(request)
        self._validate(request)
        pod_security.check(request)
        sandbox_warnings.of_images(request, self._images)
        self._quotas.admit(request)

    def _through_door(self, request: Request) -> None:
        """Mutated by policies and webhooks like any update, and within what the door allows."""
        self._mutate(request, "UPDATE", ())
        assert request.old is not None
        request.obj = pod_updates.separate(request.old, request.obj, request.subresource)
        pod_updates.check(request)
        if request.subresource == "resize":
            limit_ranges.check(request)
        pod_security.check(request)
        self._quotas.admit(request)

    def _mutate(self, request: Request, operation: str, plugins: tuple[Plugin, ...]) -> None:
        """Apply the mutating policies, call the mutating webhooks; their changes are completed like
        a client's object."""

        def again(obj: Obj) -> None:
            request.obj = obj
            if request.kind.model:
                strict.check(request.kind.model, obj, _LENIENT)
            defaults.apply(request.key, obj)
            for plugin in plugins:
                plugin(request)

        for mutate in (self._mutating.mutate, self.hooks.mutate):
            attempt = _attempt(request, operation)
            obj = mutate(attempt, again)
            if obj is not None and obj is not attempt.obj:
                request.obj = obj

    def _validate(self, request: Request) -> None:
        """Warn for clients' writes only: controllers create objects from templates that were
        checked before."""
        if not request.kind.model:
            self.definitions.check(request)
        if request.call.validation:
            kind_rules.check(request)

    def delete(self, request: Request) -> None:
        """Refuse a deletion that is not allowed."""
        namespace_lifecycle.check_delete(request)
        self.judge(_attempt(request, "DELETE"))


def _attempt(request: Request, operation: str) -> Attempt:
    deleted = operation == "DELETE"
    return Attempt(
        kind=request.kind,
        operation=operation,
        namespace=request.namespace,
        name=request.name,
        obj=None if deleted else request.obj,
        old=request.old,
        call=request.call,
        subresource=request.subresource,
    )


def _complete(request: Request) -> None:
    """A built-in kind's `spec` is a struct: if the client left it out, it exists and is empty."""
    if request.kind.model and "spec" in builtin().model(request.kind.model).fields:
        request.obj.setdefault("spec", {})


def _job_selector(request: Request) -> None:
    workload_defaults.job_selector(request.obj, request.obj["metadata"]["uid"])


def _template_generation(request: Request) -> None:
    workload_defaults.daemon_set_generation(request.obj, request.old)
