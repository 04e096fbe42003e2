"""A ledger of objects in a bucket: PutObject, GetObject, ListObjectsV2 by boto3.

Credentials come from the AWS chain. A listing names the keys, and each object is read, because a
key without its value does not count as a stored write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resilience.ledger import values
from resilience.ledger.drivers.session import Place, Refused, Unclear, Unreadable
from resilience.ledger.records import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Store:
    """`endpoint` "" is AWS itself."""

    place: Place
    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""

    def __call__(self) -> S3Session:
        return S3Session(self)


class S3Session:
    """`resilience.ledger.drivers.session.Session`."""

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._made: Any = None

    def put(self, key: str, value: str) -> str:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectTimeoutError,
            EndpointConnectionError,
        )

        try:
            self._client.put_object(
                Bucket=self._store.bucket, Key=self._store.prefix + key, Body=value.encode()
            )
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            raise Refused(str(error)) from error
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise Refused(str(error)) from error
            raise Unclear(str(error)) from error
        except BotoCoreError as error:
            raise Unclear(str(error)) from error
        return ""

    def get(self, key: str) -> Found:
        return values.of_key(self._text(key), key, self._store.place.start)

    def every(self) -> Found:
        counts: dict[str, int] = {}
        corrupt: set[str] = set()
        for key in self._keys():
            found = self.get(key)
            counts |= {name: 1 for name in found.values if name == key}
            corrupt |= found.corrupt
        return Found(values=counts, corrupt=frozenset(corrupt))

    def clear(self) -> None:
        for key in values.own(self._keys(), self._store.place.start):
            self._reading(lambda key=key: self._client.delete_object(
                Bucket=self._store.bucket, Key=self._store.prefix + key))  # fmt: skip

    def close(self) -> None:
        if self._made is not None:
            self._made.close()
            self._made = None

    def _keys(self) -> list[str]:
        start = self._store.prefix + self._store.place.start

        def pages() -> list[str]:
            paginator = self._client.get_paginator("list_objects_v2")
            found = paginator.paginate(Bucket=self._store.bucket, Prefix=start)
            return [each["Key"] for page in found for each in page.get("Contents") or ()]

        found: list[str] = self._reading(pages)
        return [key.removeprefix(self._store.prefix) for key in found]

    def _text(self, key: str) -> str:
        from botocore.exceptions import ClientError

        def read() -> str:
            try:
                found = self._client.get_object(
                    Bucket=self._store.bucket, Key=self._store.prefix + key
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                    return ""
                raise
            return str(found["Body"].read().decode("utf-8", "replace"))

        text: str = self._reading(read)
        return text

    def _reading(self, ask: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return ask()
        except (BotoCoreError, ClientError) as error:
            raise Unreadable(str(error)) from error

    @property
    def _client(self) -> Any:
        if self._made is None:
            import boto3
            from botocore.config import Config

            config = Config(
                connect_timeout=self._store.place.timeout, read_timeout=self._store.place.timeout,
                retries={"total_max_attempts": 1},
            )  # fmt: skip
            self._made = boto3.session.Session().client(
                "s3", config=config, endpoint_url=self._store.endpoint or None,
                region_name=self._store.region or None,
            )  # fmt: skip
        return self._made
