"""`gs://BUCKET/PREFIX` and `az://CONTAINER/PREFIX`: obstore's stores for them.

Credentials come from each cloud's own chain, as obstore reads it: service account files, workload
identity, the instance, environment variables. A URL holds none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from resilience.backup.format.errors import BadRequest
from resilience.backup.store.cloud.object_store import ObjectStore

_EXTRAS = {"gs": "gcs", "az": "azure"}


def cloud_store(
    scheme: str, bucket: str, prefix: str, options: Mapping[str, str], *, url: str
) -> ObjectStore:
    """No network yet."""
    try:
        import obstore  # noqa: F401 - told now, not at the first write
    except ImportError as problem:
        raise BadRequest(
            f"store {url!r}: {scheme}:// needs obstore, which is not installed; install "
            f"pytest-resilience[{_EXTRAS[scheme]}]"
        ) from problem
    connect = _google if scheme == "gs" else _azure
    return ObjectStore(
        lambda: connect(bucket, options), url=url, prefix=prefix, offsets=scheme == "gs"
    )


def _google(bucket: str, options: Mapping[str, str]) -> Any:
    from obstore.store import GCSStore

    config = {"base_url": options["endpoint"]} if "endpoint" in options else {}
    return GCSStore(bucket, config=config, client_options=_client(options))


def _azure(container: str, options: Mapping[str, str]) -> Any:
    from obstore.store import AzureStore

    names = {"account": "account_name", "endpoint": "endpoint"}
    config = {names[key]: value for key, value in options.items()}
    return AzureStore(container, config=config, client_options=_client(options))


def _client(options: Mapping[str, str]) -> dict[str, Any]:
    """obstore's default is 30 s for a whole request, content included, and no limit between two
    packets: a large object would not fit in it. `patience` limits each piece instead."""
    plain = options.get("endpoint", "").startswith("http://")
    limits = {"timeout": timedelta(days=1), "read_timeout": timedelta(seconds=60)}
    return limits | ({"allow_http": True} if plain else {})
