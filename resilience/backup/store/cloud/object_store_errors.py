"""obstore's exceptions in the words of our error tree.

A message is cut before obstore's debug output, and queries of URLs, which may hold a signature, are
left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from resilience.backup.format.errors import (
    Archived,
    BadRequest,
    Exists,
    Missing,
    Retained,
    StoreError,
    StoreRefused,
    StoreUnreachable,
    Withheld,
)
from resilience.model.masks import excerpt

_QUERY = re.compile(r"(?<!<)\?[^\s\"')]*")
_DENIED = re.compile(r"status code: 40[13]\b")
_BY_WORDS: tuple[tuple[str, type[StoreError], str], ...] = (
    ("NoSuchBucket|ContainerNotFound|bucket does not exist", StoreRefused,
     "the bucket does not exist; create it first"),
    ("Account must be specified", StoreRefused,
     "no storage account is named; add account=NAME or set AZURE_STORAGE_ACCOUNT_NAME"),
    ("RequestTimeTooSkewed|Request date header too old", StoreRefused,
     "this machine's clock differs too much from the store's; correct it"),
    ("BlobArchived", Archived, "the object is archived; restore it in the store first"),
    ("BlobImmutable|retentionPolicyNotMet|objectUnderActiveHold", Retained, "it is locked"),
)  # fmt: skip


@contextmanager
def explained(url: str, key: str, *, reading: bool = False) -> Iterator[None]:
    """Translate obstore's exceptions. `reading`: a refusal may be about the one object."""
    from obstore import exceptions

    try:
        yield
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as problem:
        raise Exists(f"{url}: {key} exists already") from problem
    except (exceptions.UnknownConfigurationKeyError, exceptions.InvalidPathError) as problem:
        raise BadRequest(f"{url}: {_words(problem)}") from problem
    except (exceptions.BaseError, FileNotFoundError) as problem:
        raise translated(url, key, problem, reading=reading) from problem


def translated(url: str, key: str, problem: Exception, *, reading: bool = False) -> StoreError:
    """One that depends on the words of the service."""
    from obstore import exceptions

    text = str(problem)
    where = f"{url}: {key}: " if key else f"{url}: "
    for words, kind, advice in _BY_WORDS:
        if re.search(words, text):
            return kind(f"{where}{advice}")
    if isinstance(problem, FileNotFoundError | exceptions.NotFoundError):
        return Missing(f"{url}: {key} does not exist")
    denied = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
    if isinstance(problem, denied) or _DENIED.search(text):
        of_one = reading and isinstance(problem, exceptions.PermissionDeniedError)
        refusal = Withheld if of_one else StoreRefused
        return refusal(f"{where}access denied ({_words(problem)})")
    return StoreUnreachable(f"{where}{_words(problem)}")


def _words(problem: Exception) -> str:
    """Its first lines, without a query."""
    text = " ".join(str(problem).partition("Debug source:")[0].split())
    return excerpt(_QUERY.sub("?...", text), 400)
