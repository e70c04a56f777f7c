"""What the exceptions of stores' libraries mean: bakup's own errors, told apart by whether a retry may help.

Each library has a tree of its own, and none is imported here: a class is known by its name, an answer by its HTTP
status or the store's own code for it.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from bakup.errors import BakupError, NoAnswer, NoTarget, StoreError
from bakup.store.faults import missing, missing_object, no_space, reason

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same request may do (RFC 9110, RFC 6585)."""
_DENIED = frozenset({401, 403, 407})
_GONE = frozenset({404, 410})
_FULL = frozenset({413, 507})

_LATER_CODES = frozenset(
    [
        "SlowDown",
        "RequestTimeout",
        "InternalError",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "ServerBusy",
        "OperationTimedOut",
        "RequestTimeTooSkewed",
        "OperationAborted",
        "ConditionalRequestConflict",
    ]
)
_FULL_CODES = frozenset(["QuotaExceeded", "AccountQuotaExceeded", "XMinioStorageFull", "EntityTooLarge"])
_DENIED_CODES = frozenset(
    [
        "AccessDenied",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "AllAccessDisabled",
        "AuthenticationFailed",
        "AuthorizationFailure",
        "InvalidAuthenticationInfo",
        "AccountIsDisabled",
    ]
)
_GONE_CODES = frozenset(["NoSuchBucket", "NoSuchKey", "ContainerNotFound", "BlobNotFound"])

_DENIED_NAMES = frozenset(
    [
        "PermissionDenied",
        "SFTPPermissionDenied",
        "SFTPWriteProtect",
        "HostKeyNotVerifiable",
        "IllegalUserName",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "TokenRetrievalError",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "DefaultCredentialsError",
        "ClientAuthenticationError",
        "CredentialUnavailableError",
        "SMBAuthenticationError",
        "LogonFailure",
        "AccessDenied",
        "SSLCertVerificationError",
    ]
)
_GONE_NAMES = frozenset(["SFTPNoSuchFile", "SFTPNoSuchPath", "ResourceNotFound", "NoSuchFile", "BadNetworkName"])
_FULL_NAMES = frozenset(["SFTPNoSpaceOnFilesystem", "SFTPQuotaExceeded", "DiskFull", "InsufficientStorage"])
_LATER_NAMES = frozenset(
    [
        "ConnectionError",
        "TimeoutError",
        "IncompleteReadError",
        "EOFError",
        "gaierror",
        "IncompleteRead",
        "HTTPClientError",
        "ResponseStreamingError",
        "ClientConnectionError",
        "ClientPayloadError",
        "ServerTimeoutError",
        "TransportError",
        "RefreshError",
        "ProxyError",
        "ServiceRequestError",
        "ServiceResponseError",
        "DisconnectError",
        "ChannelOpenError",
        "SFTPConnectionLost",
        "SFTPNoConnection",
        "SFTPInvalidHandle",
        "SMBConnectionClosed",
        "NetworkNameDeleted",
        "IOTimeout",
        "SSLEOFError",
        "BadGatewayError",
        "error_temp",
        "error_reply",
        "error_proto",
    ]
)
_LATER_ERRNOS = frozenset(
    {
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.EPIPE,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.EAGAIN,
        errno.EIO,
    }
)
_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_FTP_REPLY = re.compile(r"([45]\d\d)[ -]")
_FTP_FULL, _FTP_DENIED, _FTP_GONE = ("452", "552"), ("530", "532", "553"), ("550",)


def meaning(error: Exception, url: str, key: str | None = None) -> BakupError:
    """What `error` says of the target at `url`, or of its object `key`.

    NoAnswer is where a retry may help; NoTarget is a missing bucket or bad credentials, Failed a full store.
    """
    if isinstance(error, BakupError):
        return error
    names = frozenset(kind.__name__ for cause in causes(error) for kind in type(cause).__mro__)
    status, code = _status(error), _code(error)
    if _full(error, names, status, code):
        return no_space(url, None, None)
    if names & _DENIED_NAMES or code in _DENIED_CODES or isinstance(error, PermissionError):
        return NoTarget(f"{url} denies access: {reason(error)}", code="target-denied")
    if code in _LATER_CODES or status in _LATER:
        return NoAnswer(f"{url}: {reason(error)}", code="no-answer")
    if status in _DENIED or _ftp(error) in _FTP_DENIED:
        return NoTarget(f"{url} denies access: {reason(error)}", code="target-denied")
    if _gone(error, names, status, code):
        return missing(url) if key is None or code in ("NoSuchBucket", "ContainerNotFound") else missing_object(key)
    if names & _LATER_NAMES or not _LATER_ERRNOS.isdisjoint(_errnos(error)):
        return NoAnswer(f"{url}: {reason(error)}", code="no-answer")
    return StoreError(f"{url}: {reason(error)}", code="store")


def _full(error: Exception, names: frozenset[str], status: int | None, code: str) -> bool:
    return bool(
        code in _FULL_CODES
        or names & _FULL_NAMES
        or status in _FULL
        or getattr(error, "errno", None) in _FULL_ERRNOS
        or _ftp(error) in _FTP_FULL
    )


def _gone(error: Exception, names: frozenset[str], status: int | None, code: str) -> bool:
    return bool(
        isinstance(error, FileNotFoundError)
        or code in _GONE_CODES
        or status in _GONE
        or names & _GONE_NAMES
        or _ftp(error) in _FTP_GONE
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was made from: libraries wrap, the first cause tells best."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _errnos(error: Exception) -> Iterator[int]:
    """Of an error and its causes; those of a host's several addresses asyncio tells in words only."""
    for cause in causes(error):
        if found := getattr(cause, "errno", None):
            yield found
        elif isinstance(cause, OSError) and str(cause).startswith("Multiple exceptions: "):
            yield from map(int, _ERRNO.findall(str(cause)))


def _status(error: Exception) -> int | None:
    """The HTTP status: botocore, Azure, aiohttp, gcsfs, httpx and webdav4 keep it in places of their own."""
    found = getattr(error, "response", None)
    if isinstance(found, dict):
        found = found.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        places = ((error, "status_code"), (error, "status"), (found, "status_code"), (error, "code"))
        found = next((value for place, name in places if (value := getattr(place, name, None))), None)
    return int(str(found)) if str(found).isdecimal() else None


def _code(error: Exception) -> str:
    """The store's own word for it."""
    found = getattr(error, "response", None)
    if isinstance(found, dict):
        return str(found.get("Error", {}).get("Code", ""))
    code = getattr(error, "error_code", "")
    return str(getattr(code, "value", code) or "")


def _ftp(error: Exception) -> str:
    if type(error).__module__ != "ftplib":
        return ""
    found = _FTP_REPLY.match(str(error))
    return found[1] if found else ""
