# ruff: noqa: E501 - one case a line
"""For each rule: objects that it tells of, and their like that it must not tell of."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from resilience.kube.objects import Object
from tests.audit.objects import (
    NOW,
    budget,
    container,
    deployment,
    named,
    node,
    pod,
    scaler,
    service,
    template,
)


@dataclass(frozen=True)
class Case:
    """`bad` gives exactly one finding of the rule, about `subject`; `good` gives none."""

    rule: str
    subject: str
    bad: tuple[Object, ...]
    good: tuple[Object, ...]
    live: bool = False


WEB = "shop/Deployment/web"
PROBE = {"httpGet": {"path": "/ready", "port": "http"}}


def stateful(name: str = "db", **fields: Any) -> Object:
    return deployment(name, kind="StatefulSet", **fields)


def claim(name: str, mode: str = "ReadWriteOnce") -> Object:
    return named("PersistentVolumeClaim", name, spec={"accessModes": [mode]})


def mounted(name: str) -> list[Object]:
    return [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]


def volume(**source: Any) -> Object:
    bound = {"claimRef": {"name": "data", "namespace": "shop"}}
    return named("PersistentVolume", "pv-1", namespace="", spec={**source, **bound})


def pinned_to(name: str) -> Object:
    rule = {"key": "kubernetes.io/hostname", "operator": "In", "values": [name]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}


def cronjob(**spec: Any) -> Object:
    job = {"activeDeadlineSeconds": 60, "template": template(restartPolicy="Never")}
    given = {"startingDeadlineSeconds": 60, "jobTemplate": {"spec": job}, **spec}
    kept = {key: value for key, value in given.items() if value is not None}
    return named("CronJob", "tidy", "batch/v1", spec={"schedule": "0 3 * * *", **kept})


def webhook(policy: str) -> Object:
    where = {"service": {"namespace": "shop", "name": "web"}}
    one = {"name": "check.example.com", "failurePolicy": policy, "clientConfig": where}
    return named("ValidatingWebhookConfiguration", "check", "admissionregistration.k8s.io/v1",
                 namespace="", webhooks=[one])  # fmt: skip


def ingress(name: str) -> Object:
    path = {"path": "/", "backend": {"service": {"name": name, "port": {"number": 80}}}}
    return named(
        "Ingress", "shop", "networking.k8s.io/v1", spec={"rules": [{"http": {"paths": [path]}}]}
    )


def policy(*types: str) -> Object:
    return named("NetworkPolicy", "deny", "networking.k8s.io/v1",
                 spec={"podSelector": {}, "policyTypes": list(types)})  # fmt: skip


def policy_of(app: str) -> Object:
    return named("NetworkPolicy", "web", "networking.k8s.io/v1",
                 spec={"podSelector": {"matchLabels": {"app": app}}})  # fmt: skip


@cache
def certificate(days: int) -> str:
    """PEM of a certificate that ends in so many days."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example.com")])
    ends = NOW + timedelta(days=days)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(ends - timedelta(days=400)).not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


def tls(days: int) -> Object:
    data = {"tls.crt": certificate(days), "tls.key": "c2VjcmV0"}
    return named("Secret", "tls", type="kubernetes.io/tls", data=data)


def slice_of(name: str, *, ready: bool) -> Object:
    return named("EndpointSlice", f"{name}-1", "discovery.k8s.io/v1",
                 labels={"kubernetes.io/service-name": name},
                 endpoints=[{"conditions": {"ready": ready}}])  # fmt: skip


def applied(version: str) -> Object:
    text = json.dumps({"apiVersion": version, "spec": {"replicas": 3}})
    return deployment(annotations={"kubectl.kubernetes.io/last-applied-configuration": text})


REPLICASET = named("ReplicaSet", "web-1", "apps/v1", ownerReferences=[
    {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True, "uid": "web"}
])  # fmt: skip


def spread(*nodes: str) -> tuple[Object, ...]:
    return (
        deployment(),
        REPLICASET,
        *(pod(f"web-{n}", each, REPLICASET) for n, each in enumerate(nodes)),
    )


SLEEPS = {"exec": {"command": ["sh", "-c", "sleep 40"]}}
LATEST = "registry.example/web:latest"
DIGEST = "registry.example:5000/web@sha256:" + "1" * 64

CASES: tuple[Case, ...] = (
    Case("single-replica", WEB, (deployment(replicas=None),), (deployment(replicas=1), scaler())),
    Case("single-replica", WEB, (deployment(replicas=3), scaler(least=1)),
         (deployment(replicas=0), stateful(replicas=2))),
    Case("bare-pod", "shop/Pod/one", (pod("one", "n1"),),
         (pod("one", "n1", REPLICASET), pod("task", "n1", restartPolicy="Never"))),
    Case("rollout-stops-service", WEB, (deployment(spec={"strategy": {"type": "Recreate"}}),),
         (deployment(replicas=1, spec={"strategy": {"type": "Recreate"}}),)),
    Case("rollout-stops-service", WEB,
         (deployment(spec={"strategy": {"rollingUpdate": {"maxUnavailable": "100%"}}}),),
         (deployment(spec={"strategy": {"rollingUpdate": {"maxUnavailable": 2}}}),)),
    Case("scaler-conflict", WEB, (deployment(), scaler()), (deployment(replicas=None), scaler())),
    Case("scaler-conflict", WEB, (applied("apps/v1"), scaler()), (deployment(), scaler()), live=True),
    Case("scaler-without-target", "shop/HorizontalPodAutoscaler/web", (scaler(),),
         (scaler(), deployment())),
    Case("scaler-without-target", "shop/HorizontalPodAutoscaler/web",
         (scaler(least=3, most=3), deployment()), (scaler(least=2, most=3), deployment())),
    Case("selector-mismatch", WEB,
         (deployment(spec={"selector": {"matchLabels": {"app": "other"}}}),), (deployment(),)),
    Case("no-budget", WEB, (deployment(), budget("other")),
         (deployment(), budget(), deployment("one", replicas=1))),
    Case("budget-blocks", "shop/PodDisruptionBudget/web", (deployment(), budget(maxUnavailable=0)),
         (deployment(), budget(minAvailable="60%"))),
    Case("budget-blocks", "shop/PodDisruptionBudget/web", (deployment(), budget(minAvailable=3)),
         (deployment(), scaler(most=5), budget(minAvailable=3))),
    Case("budget-blocks", "shop/PodDisruptionBudget/web",
         (deployment(replicas=1), budget(minAvailable="50%")),
         (deployment(replicas=1), budget(maxUnavailable="50%"))),
    Case("budget-selects-nothing", "shop/PodDisruptionBudget/web", (budget(), deployment("other")),
         (budget(), deployment())),
    Case("budget-selects-nothing", "shop/PodDisruptionBudget/web", (budget(),),
         (budget(), named("Kafka", "web", "kafka.example.com/v1"))),
    Case("budgets-overlap", WEB, (deployment(), budget(), budget("all", selector={})),
         (deployment(), budget(), budget("other"))),
    Case("budget-keeps-broken-pods", "shop/PodDisruptionBudget/web",
         (deployment(), budget(maxUnavailable=1, unhealthyPodEvictionPolicy="IfHealthyBudget")),
         (deployment(), budget())),
    Case("no-readiness", WEB, (deployment(container={"readinessProbe": None}), service()),
         (deployment(container={"readinessProbe": None, "ports": None}), deployment("b"), service("b"))),
    Case("lying-pair", WEB,
         (deployment(container={"readinessProbe": PROBE, "livenessProbe": PROBE}),),
         (deployment(container={"livenessProbe": {**PROBE, "failureThreshold": 10}}),
          deployment("b", container={"livenessProbe": {"tcpSocket": {"port": 1}}}))),
    Case("lying-pair", WEB, (deployment(container={"livenessProbe": {"httpGet": {
            "path": "/ready", "port": "http", "httpHeaders": [{"name": "who", "value": "live"}]}}}),),
         (deployment(container={"livenessProbe": {"httpGet": {"path": "/alive", "port": "http"}}}),)),
    Case("probe-port", WEB, (deployment(container={"livenessProbe": {"tcpSocket": {"port": "x"}}}),),
         (deployment(container={"livenessProbe": {"tcpSocket": {"port": 99}}}),)),
    Case("no-prestop", WEB, (deployment(container={"lifecycle": None}), service()),
         (deployment(container={"lifecycle": None}), deployment("b"), service("b"))),
    Case("no-prestop", WEB, (deployment(replicas=1, container={"lifecycle": None}), service()),
         (deployment(replicas=1, container={"lifecycle": None},
                     spec={"strategy": {"type": "Recreate"}}), service())),
    Case("no-prestop", "shop/StatefulSet/db",
         (stateful(container={"lifecycle": None}), service("db")),
         (stateful(replicas=1, container={"lifecycle": None}), service("db"))),
    Case("grace-too-short", WEB, (deployment(container={"lifecycle": {"preStop": SLEEPS}}),),
         (deployment(container={"lifecycle": {"preStop": SLEEPS}}, terminationGracePeriodSeconds=60),)),
    Case("grace-too-short", WEB, (deployment(terminationGracePeriodSeconds=0),),
         (deployment(terminationGracePeriodSeconds=6),)),
    Case("no-spread", WEB, (deployment(topologySpreadConstraints=None),),
         (deployment(), deployment("one", replicas=1, topologySpreadConstraints=None))),
    Case("one-node", WEB, (*spread("a", "a", "a"), node("a"), node("b")),
         (*spread("a", "b", "a"), node("a"), node("b")), live=True),
    Case("one-node", WEB, (*spread("a", "a"), node("a"), node("b")), (*spread("a", "a"), node("a")),
         live=True),
    Case("one-zone", WEB, (*spread("a", "b"), node("a", "x"), node("b", "x"), node("c", "y")),
         (*spread("a", "c"), node("a", "x"), node("b", "x"), node("c", "y")), live=True),
    Case("pinned", WEB, (deployment(nodeSelector={"kubernetes.io/hostname": "a"}),),
         (deployment(nodeSelector={"disk": "ssd"}),)),
    Case("pinned", WEB, (deployment(nodeName="a"),),
         (deployment(kind="DaemonSet", nodeName="a"),)),
    Case("pinned", WEB, (deployment(nodeName="a"), pod("one", "a")), (pod("one", "a"),), live=True),
    Case("bare-pod", "shop/Pod/one", (pod("one", "n1"), deployment()),
         ({**pod("one", "n1"), "metadata": {"name": "one", "namespace": "shop", "ownerReferences": [
             {"apiVersion": "example.com/v1", "kind": "Runner", "name": "r", "uid": "r"}]}},)),
    Case("lying-pair", WEB,
         (deployment(container={"readinessProbe": {"tcpSocket": {"port": 1}},
                                "livenessProbe": {"tcpSocket": {"port": 1}}}),),
         (deployment(container={"readinessProbe": {**PROBE, "periodSeconds": 90},
                                "livenessProbe": {**PROBE, "periodSeconds": 60}}),
          deployment("b", container={"readinessProbe": None, "livenessProbe": PROBE}))),
    Case("claim-on-one-node", "shop/PersistentVolumeClaim/data",
         (volume(hostPath={"path": "/d"}), claim("data")),
         (volume(csi={"driver": "x"}, nodeAffinity={"required": {"nodeSelectorTerms": [
             {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["x"]}]}]}}),
          claim("data"))),
    Case("claim-on-one-node", "shop/PersistentVolumeClaim/data",
         (volume(csi={"driver": "x"}, nodeAffinity=pinned_to("a")), claim("data")),
         (volume(csi={"driver": "x"}, nodeAffinity={"required": {"nodeSelectorTerms": [
             {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In",
                                    "values": ["a", "b"]}]}]}}), claim("data"))),
    Case("state-in-empty-dir", "shop/StatefulSet/db",
         (stateful(volumes=[{"name": "data", "emptyDir": {}}],
                   container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]}),
          deployment(volumes=[{"name": "data", "emptyDir": {}}],
                     container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]})),
         (stateful(volumes=[{"name": "data", "emptyDir": {"medium": "Memory"}}],
                   container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]}),
          stateful("b", volumes=[{"name": "data", "emptyDir": {}}, *mounted("x")],
                   container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]}))),
    Case("no-default-deny", "Namespace/shop", (deployment(), policy("Egress")),
         (deployment(), named("NetworkPolicy", "all", "networking.k8s.io/v1",
                              spec={"podSelector": {}, "egress": [{}]}))),
    Case("no-backup-plan", "Namespace/shop",
         (claim("data"), named("Schedule", "daily", "velero.io/v1", namespace="velero",
                               spec={"template": {"includedNamespaces": ["other"]}})),
         (claim("data"), named("Schedule", "daily", "velero.io/v1", namespace="velero", spec={}))),
    Case("policy-selects-nothing", "shop/NetworkPolicy/web", (policy_of("other"),),
         (policy_of("other"), named("Kafka", "k", "kafka.example.com/v1"))),
    Case("budget-blocks", "shop/PodDisruptionBudget/web", (deployment(), budget(minAvailable="x%")),
         (deployment(), budget(maxUnavailable="1%"))),
    Case("service-selects-nothing", "shop/Service/gone", (service("gone"), deployment()),
         (service("gone"), slice_of("gone", ready=True)), live=True),
    Case("ingress-without-service", "shop/Ingress/front",
         (named("Ingress", "front", "networking.k8s.io/v1",
                spec={"defaultBackend": {"service": {"name": "gone"}}}),),
         (named("Ingress", "front", "extensions/v1beta1", spec={"backend": {"serviceName": "web"}}),
          service())),
    Case("no-requests", WEB, (deployment(container={"resources": {"limits": {"memory": "1Gi"}}}),),
         (deployment(container={"resources": {"limits": {"memory": "1Gi", "cpu": "1"}}}),)),
    Case("no-memory-limit", WEB, (deployment(container={"resources": {"limits": {"cpu": "1"}}}),),
         (deployment(),)),
    Case("request-over-limit", WEB,
         (deployment(container={"resources": {"requests": {"cpu": "1500m"}, "limits": {"cpu": 1}}}),),
         (deployment(container={"resources": {"requests": {"cpu": "0.5"}, "limits": {"cpu": "500m"}}}),)),
    Case("latest-tag", WEB, (deployment(container={"image": LATEST}),),
         (deployment(container={"image": DIGEST}), deployment("b", container={"image": "web:1"}))),
    Case("latest-tag", WEB, (deployment(container={"image": "registry.example:5000/web"}),),
         (deployment(container={"image": "registry.example:5000/web:2"}),)),
    Case("no-digest", WEB, (deployment(container={"image": "web:1"}),), (deployment(),)),
    Case("image-not-pullable", "shop/Pod/one",
         ({**pod("one", "a", REPLICASET), "status": {"phase": "Pending", "containerStatuses": [
             {"name": "web", "image": "x", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}},),
         ({**pod("one", "a", REPLICASET), "status": {"phase": "Pending", "containerStatuses": [
             {"name": "web", "state": {"waiting": {"reason": "ContainerCreating"}}}]}},), live=True),
    Case("image-not-pullable", "shop/Pod/one",
         (pod("one", "a", REPLICASET), named("Event", "e", reason="Failed", message="Failed to pull"
          " image: not found", involvedObject={"namespace": "shop", "name": "one"})),
         (pod("one", "a", REPLICASET), named("Event", "e", reason="Failed", message="Error: exit 1",
          involvedObject={"namespace": "shop", "name": "one"})), live=True),
    Case("runs-as-root", WEB, (deployment(container={"securityContext": None}),),
         (deployment(container={"securityContext": None}, securityContext={"runAsUser": 1000}),)),
    Case("runs-as-root", WEB, (deployment(container={"securityContext": {"runAsUser": 0}}),),
         (deployment(container={"securityContext": {"runAsUser": 5}}),)),
    Case("privileged", WEB, (deployment(container={"securityContext": {"privileged": True,
         "runAsUser": 1}}),), (deployment(),)),
    Case("privileged", WEB, (deployment(hostNetwork=True),), (deployment(hostNetwork=False),)),
    Case("host-path", WEB, (deployment(volumes=[{"name": "v", "hostPath": {"path": "/var"}}]),),
         (deployment(volumes=[{"name": "v", "emptyDir": {}}]),)),
    Case("host-port", WEB, (deployment(container={"ports": [{"containerPort": 1, "hostPort": 1}]}),),
         (deployment(hostNetwork=True,
                     container={"ports": [{"containerPort": 1, "hostPort": 1}]}),)),
    Case("token-mounted", WEB, (deployment(automountServiceAccountToken=None),),
         (deployment(automountServiceAccountToken=None, serviceAccountName="web"),)),
    Case("token-mounted", WEB, (deployment(automountServiceAccountToken=True),),
         (deployment(automountServiceAccountToken=None),
          named("ServiceAccount", "default", automountServiceAccountToken=False))),
    Case("no-owner", WEB, ({**deployment(), "metadata": {"name": "web", "namespace": "shop"}},),
         ({**deployment(), "metadata": {"name": "web", "namespace": "shop"}},
          named("Namespace", "shop", namespace="", labels={"example.com/owner": "us"}))),
    Case("service-selects-nothing", "shop/Service/web", (service(), deployment("other")),
         (service(), deployment())),
    Case("service-selects-nothing", "shop/Service/web",
         (service(), deployment(), slice_of("web", ready=False)),
         (service(), deployment(), slice_of("web", ready=True)), live=True),
    Case("service-selects-nothing", "shop/Service/db-7",
         (stateful(), service("db-7", {"statefulset.kubernetes.io/pod-name": "other-0"})),
         (stateful(), service("db-7", {"statefulset.kubernetes.io/pod-name": "db-0"}))),
    Case("service-mixes-apps", "shop/Service/all",
         (service("all", {"team": "a"}), *(
             {**deployment(n, container={"image": f"r/{n}:1"}), "spec": {"template": {
                 "metadata": {"labels": {"team": "a"}}, "spec": {"containers": [
                     container(image=f"r/{n}:1")]}}}} for n in ("a", "b"))),
         (service("all", {"team": "a"}), *(
             {**deployment(n), "spec": {"template": {"metadata": {"labels": {"team": "a"}}, "spec": {
                 "containers": [container(image=f"r/web:{n}")]}}}} for n in ("a", "b")))),
    Case("policy-selects-nothing", "shop/NetworkPolicy/web", (policy_of("other"), deployment()),
         (policy_of("web"), policy("Ingress"), deployment())),
    Case("set-without-service", "shop/StatefulSet/db", (stateful(spec={"serviceName": "db"}),),
         (stateful(spec={"serviceName": "db"}), service("db"))),
    Case("set-without-service", "shop/StatefulSet/db",
         (stateful(spec={"serviceName": "db"}), service("db", {"app": "x"})), (stateful(),)),
    Case("service-port", "shop/Service/web", (deployment(), service(port="metrics")),
         (deployment(), service(port=9090))),
    Case("ingress-without-service", "shop/Ingress/shop", (ingress("gone"), service()),
         (ingress("web"), service())),
    Case("missing-reference", WEB, (deployment(volumes=mounted("data")),),
         (deployment(volumes=mounted("data")), claim("data")), live=True),
    Case("missing-reference", WEB, (deployment(serviceAccountName="web"),),
         (deployment(serviceAccountName="web"), named("ServiceAccount", "web"))),
    Case("missing-reference", WEB,
         (deployment(container={"envFrom": [{"configMapRef": {"name": "x"}}]}),),
         (deployment(container={"envFrom": [{"configMapRef": {"name": "x", "optional": True}}]}),),
         live=True),
    Case("orphaned-claim", "shop/PersistentVolumeClaim/data", (claim("data"), deployment()),
         (claim("data"), deployment(volumes=mounted("data")))),
    Case("orphaned-claim", "shop/PersistentVolumeClaim/data-db-x",
         (claim("data-db-x"), stateful(spec={"volumeClaimTemplates": [{"metadata": {"name": "data"}}]})),
         (claim("data-db-1"), stateful(spec={"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}))),
    Case("orphaned-settings", "shop/ConfigMap/old", (named("ConfigMap", "old"), deployment()),
         (named("ConfigMap", "kube-root-ca.crt"), deployment()), live=True),
    Case("orphaned-settings", "shop/Secret/old", (named("Secret", "old"), ingress("web")),
         (named("Secret", "old"), deployment(container={"env": [{"name": "A", "valueFrom": {
             "secretKeyRef": {"name": "old", "key": "a"}}}]})), live=True),
    Case("claim-on-one-node", "shop/PersistentVolumeClaim/data",
         (volume(local={"path": "/d"}, nodeAffinity=pinned_to("a")), claim("data"),
          deployment(volumes=mounted("data"))),
         (volume(csi={"driver": "x"}), claim("data"), deployment(volumes=mounted("data")))),
    Case("state-in-empty-dir", "shop/StatefulSet/db",
         (stateful(volumes=[{"name": "data", "emptyDir": {}}],
                   container={"volumeMounts": [{"name": "data", "mountPath": "/var/lib/db"}]}),),
         (stateful(volumes=[{"name": "data", "emptyDir": {}}],
                   container={"volumeMounts": [{"name": "data", "mountPath": "/tmp"}]}),)),
    Case("claim-shared", WEB, (deployment(volumes=mounted("data")), claim("data")),
         (deployment(volumes=mounted("data")), claim("data", "ReadWriteMany"))),
    Case("claim-shared", WEB, (deployment(replicas=1, volumes=mounted("data")), claim("data")),
         (deployment(replicas=1, volumes=mounted("data"), spec={"strategy": {"type": "Recreate"}}),
          claim("data"))),
    Case("no-deadline", "shop/CronJob/tidy", (cronjob(startingDeadlineSeconds=None),), (cronjob(),)),
    Case("no-quota", "Namespace/shop", (deployment(),), (deployment(), named("ResourceQuota", "q"))),
    Case("no-default-deny", "Namespace/shop", (deployment(), policy("Ingress")),
         (deployment(), policy("Ingress", "Egress"))),
    Case("no-backup-plan", "Namespace/shop", (claim("data"),),
         (claim("data"), named("Schedule", "daily", "velero.io/v1", namespace="velero",
                               spec={"template": {"includedNamespaces": ["sh*"]}}))),
    Case("webhook-blocks", "ValidatingWebhookConfiguration/check",
         (webhook("Fail"), service(), deployment(replicas=1)),
         (webhook("Fail"), service(), deployment(replicas=2))),
    Case("webhook-blocks", "ValidatingWebhookConfiguration/check", (webhook("Fail"), deployment()),
         (webhook("Ignore"), deployment()), live=True),
    Case("certificate-ends", "shop/Secret/tls", (tls(29),), (tls(31),)),
    Case("certificate-ends", "shop/Secret/tls", (tls(-1),), (named("Secret", "tls", data={"tls.crt": "?"}),)),
    Case("api-goes-away", "shop/CronJob/x", (named("CronJob", "x", "batch/v1beta1"),),
         (named("CronJob", "x", "batch/v1"), named("IPAddress", "x", "networking.k8s.io/v1beta1"))),
    Case("api-goes-away", WEB, (applied("apps/v1beta2"),), (applied("apps/v1"),), live=True),
)  # fmt: skip
