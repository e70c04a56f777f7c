"""What the exceptions of stores' libraries mean: bakup's own errors, told apart by whether a retry may help.

Each library has a tree of its own, and none is imported here: a class is known by its name, an answer by its HTTP
status or the store's own code for it.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from http import HTTPStatus

from bakup.errors import BakupError, Failed, NoAnswer, NoTarget, StoreError, Withheld
from bakup.store.faults import (
    OBJECT_ARCHIVED,
    OBJECT_DENIED,
    OBJECT_REFUSED,
    in_words,
    missing,
    missing_object,
    no_space,
    reason,
)
from bakup.store.url.needed import needed

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same request may do (RFC 9110, RFC 6585)."""
_WHOLE_DENIED = frozenset({401, 407})
"""Of whoever asks, whatever is asked for; 403 may be said of one object."""
_DENIED = frozenset({403})
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
_CLOSED_CODES = frozenset(["AccessDenied", "AuthorizationPermissionMismatch"])
_ARCHIVED_CODES = frozenset(["InvalidObjectState", "BlobArchived", "BlobBeingRehydrated"])
_GONE_CODES = frozenset(["NoSuchBucket", "NoSuchKey", "ContainerNotFound", "BlobNotFound"])

_DENIED_NAMES = frozenset(
    [
        "PermissionDenied",
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
    ]
)
_NETWORK = ("s3", "gs", "gcs", "ab", "az", "sftp", "ssh", "webdav", "dav", "ftp", "smb", "http")
_REGION = "is it another region? --store-option client_kwargs.region_name=REGION"
_CERTIFICATE_NAMES = frozenset(["SSLCertVerificationError", "ClientConnectorCertificateError"])
_MARKUP = "<html"
_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"
"""OpenSSL's word, where a library keeps no more of it."""
_CLOSED_NAMES = frozenset(["PermissionError", "SFTPPermissionDenied", "SFTPWriteProtect", "AccessDenied"])
"""Of one object, where one was asked for."""
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

    NoAnswer is where a retry may help; NoTarget is a missing bucket or bad credentials, Failed a full store, Withheld
    what is said of the object alone.
    """
    if isinstance(error, BakupError):
        return error
    names = frozenset(kind.__name__ for cause in causes(error) for kind in type(cause).__mro__)
    status, code = _status(error), _code(error)
    if (path := _local_file(error, url)) is not None:
        return Failed(f"cannot read {path}, of this computer: {said(error)}", code="local-file")
    if "NotTheStore" in names:
        return _not_the_store(url, error)
    if _full(error, names, status, code):
        return no_space(url, None, None)
    if names & _CERTIFICATE_NAMES or any(_CERTIFICATE in str(cause) for cause in causes(error)):
        hint = "is the host's name right, and the clock? where the certificate is your own: docs/stores.md says how"
        return NoTarget(f"the certificate of {url} is not trusted: {_of_certificate(error)}", hints=(hint,), code="tls")
    if names & _DENIED_NAMES or code in _DENIED_CODES:
        return _denied(url, error)
    if code in _ARCHIVED_CODES and key is not None:
        return Withheld(key, "in an archive tier", code=OBJECT_ARCHIVED)
    if code in _LATER_CODES or status in _LATER:
        return NoAnswer(f"{url}: {said(error)}", hints=_what_to_do(error, names, code), code="no-answer")
    if status in _WHOLE_DENIED or _ftp(error) in _FTP_DENIED:
        return _denied(url, error)
    if names & _CLOSED_NAMES or status in _DENIED or code in _CLOSED_CODES:
        if key is not None:
            return Withheld(key, said(error), code=OBJECT_DENIED)
        return _denied(url, error)
    if _gone(error, names, status, code):
        return missing(url) if key is None or code in ("NoSuchBucket", "ContainerNotFound") else missing_object(key)
    if names & _LATER_NAMES or not _LATER_ERRNOS.isdisjoint(_errnos(error)):
        return NoAnswer(f"{url}: {said(error)}", hints=_what_to_do(error, names, code), code="no-answer")
    if key is not None:
        return Withheld(key, said(error), code=OBJECT_REFUSED)
    hints = (_REGION,) if code == "AuthorizationHeaderMalformed" else ()
    return StoreError(f"{url}: {said(error)}", hints=hints, code="store")


def _denied(url: str, error: Exception) -> NoTarget:
    hint = f"it asks for {needed(url)}; docs/stores.md says where from"
    return NoTarget(f"{url} denies access: {said(error)}", hints=(hint,), code="target-denied")


def _not_the_store(url: str, error: Exception) -> NoTarget:
    told = next(str(cause) for cause in causes(error) if type(cause).__name__ == "NotTheStore")
    hint = "is the port that of a web console, or does a network in between want a log-in?"
    return NoTarget(f"what answers for {url} is no such store: {told}", hints=(hint,), code="not-the-store")


def _of_certificate(error: Exception) -> str:
    found = (getattr(cause, "verify_message", "") for cause in causes(error))
    return next(filter(None, found), "") or said(error)


def _what_to_do(error: Exception, names: frozenset[str], code: str) -> tuple[str, ...]:
    """Where waiting is hardly of use; else nothing."""
    if code == "RequestTimeTooSkewed":
        return (f"is this computer's clock right? it says {time.strftime('%Y-%m-%d %H:%M:%S %Z')}",)
    if "gaierror" in names or "ClientConnectorDNSError" in names:
        return ("is the host's name right, and the network there?",)
    if errno.ECONNREFUSED in set(_errnos(error)):
        return ("is the port right, and a server running there?",)
    return ()


def _local_file(error: Exception, url: str) -> str | None:
    """The file here that a client of a store wanted to read: a server's errors carry no local path."""
    if not isinstance(error, OSError) or not isinstance(error.filename, str) or not url.startswith(_NETWORK):
        return None
    return error.filename if os.path.isabs(error.filename) and not os.access(error.filename, os.R_OK) else None


def failed_inside(error: Exception) -> bool:
    """Whether a server says that it failed (RFC 9110, section 15.6.1), which may be at one object only."""
    return _status(error) == 500


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


def said(error: BaseException) -> str:
    """What a store says, in its own words; in those of HTTP where it sent a page, or nothing."""
    found = getattr(error, "response", None)
    if isinstance(found, dict):
        told = found.get("Error", {})
        return in_words(str(told.get("Message", ""))) or _by_status(error) or str(told.get("Code", "")) or reason(error)
    text = str(getattr(error, "message", "") or error)
    return (_by_status(error) if _MARKUP in text.lower() else "") or reason(error)


def _by_status(error: BaseException) -> str:
    status = _status(error)
    return f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else ""


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was made from: libraries wrap, the first cause tells best."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        kept = next((one for one in cause.args if isinstance(one, BaseException)), None)  # all that httpcore keeps
        cause = cause.__cause__ or kept or (None if cause.__suppress_context__ else cause.__context__)


def _errnos(error: Exception) -> Iterator[int]:
    """Of an error and its causes; those of a host's several addresses asyncio tells in words only."""
    for cause in causes(error):
        if found := getattr(cause, "errno", None):
            yield found
        elif isinstance(cause, OSError) and str(cause).startswith("Multiple exceptions: "):
            yield from map(int, _ERRNO.findall(str(cause)))


def _status(error: BaseException) -> int | None:
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
