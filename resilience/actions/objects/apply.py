"""`apply`: creates or changes the objects of a manifest, and undoes that at the end.

New objects are created and later deleted, by uid, with everything that they own. Existing objects
are changed, and later get their prior content back. Each object carries the run's id in an
annotation, so that the run recognizes a creation whose answer was lost. A missing namespace is
created, and undone like the rest. Errors of the API server about a manifest come with file and
line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.actions.objects import manifest_reach
from resilience.actions.objects.replaced_pods import replaced
from resilience.actions.shared import manifest_errors
from resilience.actions.shared.manifests import Manifest, read
from resilience.actions.undo import object_undo, reverting, set_claims
from resilience.cluster.errors import ApiError, Conflict, NotFound, ServerTrouble
from resilience.cluster.interface import NAMESPACES, Object, Resource
from resilience.cluster.requests.request import Request
from resilience.kube import objects
from resilience.model.step_reach import Reach
from resilience.model.timeline import What
from resilience.model.verb import Complaint, Family, Phase, Residue, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import ActionContext, ActionFailed, NothingToDo

MANAGER = "pytest-resilience"


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Parameters of `apply`."""

    file: Path = parameter(
        "A manifest or a directory of manifests, relative to the scenario.",
        example="manifests/checkout.yaml",
    )
    keep: bool = parameter("Do not delete the objects at the end.", default=False)


def _describe(apply: Apply) -> str:
    return f"apply {apply.file}"


def _files(apply: Apply, directory: Path) -> Sequence[Complaint]:
    """Defects of the manifests that do not depend on the cluster."""
    try:
        read(directory / apply.file)
    except ActionFailed as error:
        return (Complaint(field="file", message=str(error)),)
    return ()


def run(apply: Apply, context: ActionContext) -> None:
    """Create or change each object, in the order of the file."""
    manifests = read(context.directory / apply.file)
    application = _Application(apply, context)
    application.all(manifests)
    if context.step.phase is Phase.WHEN and not application.changed:
        raise NothingToDo(
            f"{apply.file} changed nothing: its {many(len(manifests), 'object')} already exist as "
            "written. Apply it under `given:`, or change it first"
        )
    context.proof(f"{apply.file} is in place: {many(len(manifests), 'object')}", {})


class _Application:
    """One running `apply` step."""

    def __init__(self, apply: Apply, context: ActionContext) -> None:
        self._keep = apply.keep
        self._context = context
        self._namespaces: set[str] = set()
        self.changed = False

    def all(self, manifests: Sequence[Manifest]) -> None:
        """Every object, in order."""
        for manifest in manifests:
            self._one(manifest)

    def _one(self, manifest: Manifest) -> None:
        body, place = manifest.body, manifest.place
        try:
            resource = self._context.cluster.resource(str(body["apiVersion"]), str(body["kind"]))
        except ApiError as error:
            raise ActionFailed(f"{place}: {error}") from error
        wanted = _marked(body, str(self._context.run))
        if resource.namespaced:
            namespace = objects.namespace(body) or self._context.namespace
            wanted["metadata"]["namespace"] = namespace
            self._ensure(namespace)
        self._bring_about(resource, wanted, manifest)

    def _ensure(self, namespace: str) -> None:
        """Make sure that the namespace exists; a missing one is created, and undone with the
        rest."""
        if namespace in self._namespaces:
            return
        self._namespaces.add(namespace)
        try:
            self._context.cluster.get(NAMESPACES, namespace)
        except NotFound:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            place = self._context.step.place
            marked = _marked(body, str(self._context.run))
            self._create(NAMESPACES, marked, Manifest(body=marked, place=place))

    def _bring_about(self, resource: Resource, body: Object, manifest: Manifest) -> None:
        name, namespace = objects.name(body), objects.namespace(body)
        try:
            there = self._context.cluster.get(resource, name, namespace)
        except NotFound:
            self._create(resource, body, manifest)
            return
        if not object_undo.differs(_unmarked(body), there):
            self._unchanged(resource, there)
            return
        self._change(resource, there, _unmarked(body), manifest)

    def _create(self, resource: Resource, body: Object, manifest: Manifest) -> None:
        context, text = self._context, f"delete {resource.kind} {objects.title(body)}"
        data = object_undo.creation(resource, body, str(context.run))
        data |= {} if self._keep else set_claims.record(context.cluster, resource, body)
        undo = "" if self._keep else context.will_undo(data, text)
        try:
            created = context.cluster.send(
                Request(
                    "POST",
                    resource.path(objects.namespace(body)),
                    body=body,
                    query={"fieldManager": MANAGER, "fieldValidation": "Strict"},
                )
            )
        except ApiError as error:
            if undo and not isinstance(
                error, ServerTrouble
            ):  # the server may have carried out the request
                context.forget_undo(undo)
            if isinstance(error, Conflict):
                raise NothingToDo(
                    f"{manifest.place}: {resource.kind} {objects.title(body)} was created by "
                    f"someone else at the same time: {error}"
                ) from error
            raise ActionFailed(self._said(manifest, error)) from error
        if undo:
            context.amend_undo(undo, object_undo.made(resource, data, created))
        self.changed = True
        text = f"{resource.kind} {objects.title(created)} created"
        context.affected(created, text, now=created)

    def _change(self, resource: Resource, there: Object, body: Object, manifest: Manifest) -> None:
        context, text = self._context, f"restore {resource.kind} {objects.title(there)}"
        context.may_harm(replaced(resource, there, body))
        try:
            now = reverting.merge(context, resource, there, body, "" if self._keep else text)
        except ApiError as error:
            raise ActionFailed(self._said(manifest, error)) from error
        if objects.resource_version(now) == objects.resource_version(
            there
        ):  # written differently, but the same object for the server
            self._unchanged(resource, there)
            return
        self.changed = True
        context.affected(there, f"{resource.kind} {objects.title(there)} changed", now=now)

    def _said(self, manifest: Manifest, error: ApiError) -> str:
        return manifest_errors.refusal(manifest, error, self._context.cluster)

    def _unchanged(self, resource: Resource, there: Object) -> None:
        text = f"{resource.kind} {objects.title(there)} is unchanged"
        self._context.note(What.NOTE, text)


def _marked(body: Object, run: str) -> Object:
    """The object with the run's id on it."""
    metadata = dict(body.get("metadata") or {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), object_undo.RUN: run}
    return {**body, "metadata": metadata}


def _unmarked(body: Object) -> Object:
    """An object that existed before does not get the mark, since the run did not create it."""
    metadata = dict(body["metadata"])
    metadata["annotations"] = {
        key: value for key, value in metadata["annotations"].items() if key != object_undo.RUN
    }
    if not metadata["annotations"]:
        del metadata["annotations"]
    return {**body, "metadata": metadata}


def _bodies(apply: Apply) -> Sequence[Object]:
    """An unreadable file needs no permission: reading it fails later, with its own message."""
    try:
        return [manifest.body for manifest in read(apply.file)]
    except ActionFailed:
        return ()


def _rights(apply: Apply, namespace: str) -> Sequence[Right]:
    return manifest_reach.rights(_bodies(apply), namespace, keep=apply.keep)


def _touches(apply: Apply, namespace: str) -> Reach:
    return manifest_reach.touches(_bodies(apply), namespace)


_undo: Callable[[Mapping[str, Any], Any], None] = object_undo.undo

VERB = Verb(
    name="apply",
    family=Family.ACTION,
    summary="Create or change the objects of a manifest.",
    parameters=Apply,
    phases=frozenset({Phase.GIVEN, Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=_describe,
    shorthand="file",
    repeatable=True,
    files=_files,
    rights=_rights,
    touches=_touches,
    undo=_undo,
    undo_text="What was created is deleted with all it owns and a StatefulSet's claims; what was "
    "changed is reverted, field by field. Changes that someone else made since are kept and "
    "reported. A change that could not be reverted (`immutable: true`, a larger claim, an owner) "
    "is refused.",
    residue=Residue.NOTHING,
    proof="The API server's answer with the object's uid.",
    example="apply: manifests/checkout.yaml",
)
