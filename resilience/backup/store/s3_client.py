"""The boto3 client of a store: its settings, and a limit on each of its requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resilience.backup.store.answers.patience import PATIENCE, SLOWEST, within
from resilience.backup.store.s3_errors import CONTENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """The address of the store and how to access it; credentials come from the AWS chain and are
    never stored here."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    ca: str | None = None
    addressing: str = ""
    sse: str = ""
    kms_key: str = ""
    customer_key: str = ""
    checksums: str = "when_supported"
    overwrites_accepted: bool = False
    attempts: int = 5
    read_timeout: float = 60.0
    patience: float = PATIENCE


def connected(session: Any, settings: S3Settings, url: str) -> Any:
    """A client. The import of boto3 alone takes 0.3 s."""
    from botocore.config import Config

    client = session.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        verify=settings.ca,
        config=Config(
            signature_version="s3v4",
            connect_timeout=10,
            read_timeout=settings.read_timeout,
            retries={"mode": "standard", "total_max_attempts": settings.attempts},
            request_checksum_calculation=settings.checksums,
            response_checksum_validation="when_required",
            s3=_addressing(session, settings),
        ),
    )
    client.meta.events.register("needs-retry.s3", _Contended(settings.attempts))
    http = client._endpoint.http_session
    client._endpoint.http_session = _Patient(http, settings.patience, url)
    return client


def _addressing(session: Any, settings: S3Settings) -> dict[str, str] | None:
    """The addressing style from the URL, else from the AWS configuration, else `path` for a
    custom endpoint, since few of those have a DNS name for each bucket."""
    if settings.addressing:
        return {"addressing_style": settings.addressing}
    configured = (session._session.get_scoped_config().get("s3") or {}).get("addressing_style")
    return {"addressing_style": "path"} if settings.endpoint and not configured else None


class _Contended:
    """A write that met another one to the same key was not carried out, and S3 asks for it again
    (docs.aws.amazon.com, PutObject, If-None-Match). botocore repeats 409 for no operation."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts

    def __call__(self, response: Any, attempts: int, **_: Any) -> float | None:
        """Seconds until the next attempt, None if there is none."""
        code = response[1].get("Error", {}).get("Code") if response else None
        again = code in CONTENDED and attempts < self._attempts
        return 0.1 * 2.0**attempts if again else None


_LENGTHS = ("Content-Length", "X-Amz-Decoded-Content-Length")


class _Patient:
    """botocore's HTTP session, with a limit for each request. It returns as soon as the head of an
    answer with content is there, and after the whole of any other answer."""

    def __init__(self, session: Any, seconds: float, url: str) -> None:
        self._session, self._seconds, self._url = session, seconds, url

    def send(self, request: Any) -> Any:
        """As the session's own; `StoreUnreachable` when it takes too long."""
        lengths = [request.headers.get(name) or 0 for name in _LENGTHS]
        length = max(map(int, lengths))
        seconds = self._seconds + length / SLOWEST
        return within(seconds, self._url, lambda: self._session.send(request))

    def close(self) -> None:
        """Close its connections."""
        self._session.close()
