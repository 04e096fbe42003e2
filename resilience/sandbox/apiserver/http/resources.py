"""The verbs of resources over HTTP: from a routed request to the registry and back.

Each method serves one verb; refusals are `ApiError`s that the server turns into a Status. Source:
k8s.io/apiserver/pkg/endpoints/handlers/{get,create,update,patch,delete}.go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from resilience.sandbox.apiserver.admission import pod_updates
from resilience.sandbox.apiserver.http import answer, body, json_body, requests
from resilience.sandbox.apiserver.http.route import Route
from resilience.sandbox.apiserver.kinds import aliases
from resilience.sandbox.apiserver.registry import listing, patching
from resilience.sandbox.apiserver.registry.listing import Lister
from resilience.sandbox.apiserver.registry.metadata import check_names
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.apiserver.request import negotiate, query_options
from resilience.sandbox.apiserver.request.query_options import ListOptions
from resilience.sandbox.apiserver.tables import render
from resilience.sandbox.apiserver.watch import watch_stream
from resilience.sandbox.apiserver.watch.watching import Hub
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj, PatchType, Resource
from resilience.sandbox.kube.call import Call
from resilience.sandbox.schema import strict
from resilience.sandbox.schema.facts import Kind
from resilience.sandbox.store.store import Record, clone, encode

_PATCHES: dict[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}
_RETURNED = frozenset(
    {
        "pods",
        "persistentvolumeclaims",
        "persistentvolumes",
        "podtemplates",
        "resourcequotas",
        "services",
        "serviceaccounts",
        "storageclasses",
        "csidrivers",
        "csinodes",
        "volumeattachments",
        "volumeattributesclasses",
        "resourceclaims",
        "resourceclaimtemplates",
        "deviceclasses",
        "resourceslices",
    }
)
"""Resources whose finished deletion answers the object, not a Status."""
_MADE_BY_UPDATE = frozenset(
    {
        "leases",
        "endpoints",
        "events",
        "limitranges",
        "podtemplates",
        "services",
        "roles",
        "rolebindings",
        "clusterroles",
        "clusterrolebindings",
    }
)
"""Resources whose PUT creates what is absent."""


class Resources:
    """Bound to one registry; one per server."""

    def __init__(self, registry: Registry, hub: Hub) -> None:
        self._registry = registry
        self._lister = Lister(registry.store, registry.clock)
        self._hub = hub
        self._versions = registry.versions
        self._hooks = registry.chain.hooks

    # -- reads -----------------------------------------------------------------------------------

    async def get(self, request: web.BaseRequest, kind: Kind, route: Route) -> web.StreamResponse:
        """One object, or one of its subresources that is a view of it."""
        stored = self._registry.record(kind.resource, route.namespace, route.name)
        record = (await self._versions.records(kind.resource, [stored]))[0]
        if route.subresource == "scale":
            return answer.plain(self._registry.scale(kind.resource, record.obj))
        version = query_options.version_of(request.query)
        if version is not None and version > self._registry.store.version:
            raise query_options.too_large_version(version, self._registry.store.version)
        form = requests.form(request)
        if not form.view:
            return answer.raw(self._encoder(kind)(record))
        obj = _shown(kind.resource, record.obj)
        return answer.raw(
            answer.in_form(
                self._registry.printer(kind.resource), obj, form, self._registry.clock.now()
            )
        )

    async def list(self, request: web.BaseRequest, kind: Kind, route: Route) -> web.StreamResponse:
        """A list, or a watch."""
        resource = kind.resource
        wanted = self._selection(resource, request)
        table = self._registry.table(resource)
        namespace = route.namespace or None
        form = requests.form(request)
        if wanted.watch and request.method != "HEAD":
            return await watch_stream.serve(
                request, self._hub, table, resource, namespace, wanted, form, self._registry
            )
        page = await self._page(resource, namespace, wanted)
        return await answer.stream(request, self._pieces(kind, page, form))

    def _selection(self, resource: Resource, request: web.BaseRequest) -> ListOptions:
        fields = self._registry.chain.definitions.selectable(resource)
        return query_options.list_options(resource, request.query, fields)

    async def _page(
        self, resource: Resource, namespace: str | None, wanted: ListOptions
    ) -> listing.Page:
        """One page, as this version of the resource shows it."""

        async def shown(records: Sequence[Record]) -> Sequence[Record]:
            return await self._versions.records(resource, records)

        table = self._registry.table(resource)
        return await self._lister.page(table, namespace, wanted, shown)

    def _pieces(self, kind: Kind, page: listing.Page, form: negotiate.Form) -> Any:
        resource = kind.resource
        if form.view == "Table":
            printer = self._registry.printer(resource)
            now = self._registry.clock.now()
            metadata: dict[str, Any] = {"resourceVersion": str(page.version)}
            if page.token:
                metadata["continue"] = page.token
            if page.remaining is not None:
                metadata["remainingItemCount"] = page.remaining

            def row(record: Record) -> bytes:
                body = record.body if form.include == "Object" else None
                return render.row_bytes(printer, record.obj, form.include, now, body)

            return listing.chunks(render.head(metadata, printer.columns), page.records, row)
        if form.view:
            head = listing.list_head(resource, page, "PartialObjectMetadataList", "meta.k8s.io/v1")
            return listing.chunks(
                head, page.records, lambda record: encode(render.partial(record.obj))
            )
        return listing.chunks(listing.list_head(resource, page), page.records, self._encoder(kind))

    def _encoder(self, kind: Kind) -> Callable[[Record], bytes]:
        if aliases.is_alias(kind.resource):
            return lambda record: encode(aliases.to_alias(record.obj))
        stored_in = self._registry.table(kind.resource).resource.version
        if kind.model and stored_in != kind.resource.version:
            version = kind.resource.api_version
            return lambda record: encode({**record.obj, "apiVersion": version})
        return lambda record: record.body

    # -- writes ----------------------------------------------------------------------------------

    async def create(
        self, request: web.BaseRequest, kind: Kind, route: Route, user: Identity
    ) -> web.StreamResponse:
        """POST to a collection, or to an object's binding, eviction or token."""
        call = requests.call(request, user, "CreateOptions")
        obj = await self._object(request, kind, route, call)
        check_names(kind.resource, obj, route.namespace, route.name)
        stored = self._stored(kind.resource)
        made = await self._hooks.settle(lambda: self._registry.create(stored, obj, call=call), call)
        return self._written(request, kind.resource, made, call, 201)

    async def create_subresource(
        self, request: web.BaseRequest, kind: Kind, route: Route, user: Identity
    ) -> web.StreamResponse:
        """POST of a Binding or an Eviction."""
        call = requests.call(request, user, "CreateOptions")
        obj = requests.mapping(await requests.decoded(request))
        strict.check(_SUBRESOURCE_MODEL[route.subresource], obj, call)
        if route.subresource == "binding":
            check_names(kind.resource, obj, route.namespace, route.name)
        obj["metadata"] = {**(obj.get("metadata") or {}), "namespace": route.namespace}
        made = await self._hooks.settle(
            lambda: self._registry.subresource(
                kind.resource, route.namespace, route.name, obj, route.subresource, call
            ),
            call,
        )
        return answer.plain(made, 201, call.warnings)

    async def _scale(
        self, request: web.BaseRequest, resource: Resource, route: Route, call: Call
    ) -> web.StreamResponse:
        obj = requests.mapping(await requests.decoded(request))
        strict.check("V1Scale", obj, call)
        check_names(resource, obj, route.namespace, route.name)
        done = await self._hooks.settle(
            lambda: self._registry.update(resource, obj, "scale", call=call), call
        )
        return answer.plain(done)

    async def update(
        self, request: web.BaseRequest, kind: Kind, route: Route, user: Identity
    ) -> web.StreamResponse:
        """PUT of an object or of its status, scale or finalizers."""
        call = requests.call(request, user, "UpdateOptions")
        resource = kind.resource
        if route.subresource == "scale":
            return await self._scale(request, resource, route, call)
        obj = await self._object(request, kind, route, call)
        check_names(resource, obj, route.namespace, route.name)
        about = obj["metadata"]
        if (
            resource.plural in _MADE_BY_UPDATE
            and not route.subresource
            and not about.get("uid")
            and not about.get("resourceVersion")
            and self._registry.find(resource, route.namespace, route.name) is None
        ):
            made = await self._hooks.settle(
                lambda: self._registry.create(resource, obj, call=call), call
            )
            return self._written(request, resource, made, call, 201)
        if not about.get("resourceVersion") and kind.model == "":
            raise refusals.invalid(
                resource,
                route.name,
                [
                    refusals.value_invalid(
                        "metadata.resourceVersion", 0, "must be specified for an update"
                    )
                ],
            )
        door = _door(route)
        done = await self._hooks.settle(
            lambda: self._registry.update(self._stored(resource), obj, door, call=call), call
        )
        return self._written(request, resource, done, call)

    async def patch(
        self, request: web.BaseRequest, kind: Kind, route: Route, user: Identity
    ) -> web.StreamResponse:
        """PATCH in any of the four types."""
        media = body.media_type(request)
        type_ = _PATCHES.get(media)
        if type_ is None:
            raise patching.unsupported_type()
        call = requests.call(request, user, "PatchOptions", apply=type_ == "apply")
        data = await body.read(request)
        patch = body.decode(data, media)
        if type_ == "apply":
            _once(data, call)
        resource = kind.resource
        if aliases.is_alias(resource) and isinstance(patch, dict):
            patch = aliases.from_alias(patch, resource)
            patch.pop("apiVersion")
        existed = self._registry.find(resource, route.namespace, route.name) is not None
        done = await self._hooks.settle(
            lambda: self._registry.patch(
                self._stored(resource),
                route.namespace,
                route.name,
                clone(patch),
                type=type_,
                subresource=_door(route),
                call=call,
            ),
            call,
        )
        if route.subresource == "scale":
            return answer.plain(done, 200, call.warnings)
        return self._written(request, resource, done, call, 200 if existed else 201)

    async def delete(
        self, request: web.BaseRequest, kind: Kind, route: Route, user: Identity
    ) -> web.StreamResponse:
        """DELETE of one object."""
        wanted, call = await requests.delete_options(request, user)
        resource = kind.resource
        obj, gone = await self._hooks.settle(
            lambda: self._registry.delete_object(
                resource, route.namespace, route.name, call=call, **wanted
            ),
            call,
        )
        if gone and resource.plural not in _RETURNED:
            return answer.plain(answer.success(resource, obj), 200, call.warnings)
        return self._written(request, resource, obj, call)

    async def delete_collection(
        self, request: web.BaseRequest, kind: Kind, route: Route, user: Identity
    ) -> web.StreamResponse:
        """DELETE of everything that a list would return; answers with that list."""
        resource = kind.resource
        selection = self._selection(resource, request)
        wanted, call = await requests.delete_options(request, user)
        page = await self._page(resource, route.namespace or None, selection)
        for record in page.records:
            try:
                key = record.key
                await self._hooks.settle(
                    partial(self._registry.delete_object, resource, *key, call=call, **wanted),
                    call,
                )
            except ApiError as error:
                if error.code != 404:
                    raise
        return await answer.stream(request, self._pieces(kind, page, requests.form(request)))

    # -- inside ----------------------------------------------------------------------------------

    async def _object(self, request: web.BaseRequest, kind: Kind, route: Route, call: Call) -> Obj:
        """The body as an object of this kind, checked against the schema; ApiError 400."""
        duplicates = json_body.Duplicates() if call.validation in ("Strict", "Warn") else None
        try:
            obj = requests.mapping(await requests.decoded(request, duplicates))
        except ApiError as error:
            if error.code == 400 and error.message.startswith("couldn't get"):
                error.message = (
                    "the object provided is unrecognized (must be of type"
                    f" {kind.resource.kind}): {error.message}"
                )
            raise
        requests.check_kind(kind.resource, obj)
        strict.check(kind.model, obj, call, duplicates.found if duplicates else ())
        is_alias = aliases.is_alias(kind.resource)
        return aliases.from_alias(obj, kind.resource) if is_alias else obj

    def _stored(self, resource: Resource) -> Resource:
        """The version for the rules and field managers of an object."""
        if aliases.is_old_autoscaler(resource):
            return self._registry.resource(resource.plural, resource.group)
        return resource

    def _written(
        self, request: web.BaseRequest, resource: Resource, obj: Obj, call: Call, status: int = 200
    ) -> web.StreamResponse:
        form = requests.form(request)
        shown = _shown(resource, obj)
        if form.view:
            data = answer.in_form(
                self._registry.printer(resource), shown, form, self._registry.clock.now()
            )
            return answer.raw(data, status, call.warnings)
        if shown is obj and not call.dry_run:
            key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            record = self._registry.table(resource).records.get(key)
            if record is not None and record.obj is obj:
                return answer.raw(record.body, status, call.warnings)
        return answer.plain(shown, status, call.warnings)


_SUBRESOURCE_MODEL = {
    "binding": "V1Binding",
    "eviction": "V1Eviction",
    "token": "AuthenticationV1TokenRequest",
}


def _once(data: bytes, call: Call) -> None:
    """Refuse a configuration with a key that is given twice, or warn, as the call demands."""
    if call.validation not in ("Strict", "Warn"):
        return
    found = body.duplicate_keys(data)
    if found and call.validation == "Strict":
        raise refusals.bad_request(f"error strict decoding YAML: {found}")
    if found:
        call.warnings.append(found)


def _door(route: Route) -> Any:
    """The registry's name of a writable subresource; ApiError 404 for others."""
    if route.subresource in ("", "status", "scale", "finalize", *pod_updates.DOORS):
        return route.subresource
    if route.subresource == "approval":
        return "status"
    raise refusals.unknown_path()


def _shown(resource: Resource, obj: Obj) -> Obj:
    if aliases.is_alias(resource):
        return aliases.to_alias(obj)
    if obj.get("apiVersion") != resource.api_version and obj.get("kind") == resource.kind:
        return {**obj, "apiVersion": resource.api_version}
    return obj
