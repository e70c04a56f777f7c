"""What the exceptions of the libraries mean; they are the libraries' own."""

import asyncio
import errno
import ftplib
import socket
import ssl

import aiohttp
import asyncssh
import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from gcsfs.retry import HttpError
from google.auth.exceptions import TransportError
from smbprotocol.exceptions import LogonFailure, SMBConnectionClosed
from webdav4.client import BadGatewayError, HTTPError, InsufficientStorage

from bakup.errors import BakupError, Failed, NoAnswer, NoTarget, StoreError
from bakup.store.remote.answers import meaning


def s3(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")  # type: ignore[typeddict-item]


def azure(status: int, code: str = "") -> HttpResponseError:
    error = HttpResponseError("said")
    error.status_code = status
    error.error_code = code  # type: ignore[attr-defined]
    return error


def dav(status: int) -> HTTPError:
    return HTTPError(httpx.Response(status, request=httpx.Request("PUT", "http://host/x")))


AGAIN = [
    s3("SlowDown", 503),
    s3("RequestTimeout", 400),
    s3("InternalError", 500),
    EndpointConnectionError(endpoint_url="http://x"),
    azure(500),
    azure(503, "ServerBusy"),
    ServiceRequestError("cannot connect"),
    HttpError({"code": 429, "message": "slow"}),
    TransportError("no network"),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ClientPayloadError("short"),
    dav(502),
    httpx.ConnectTimeout("slow"),
    httpx.RemoteProtocolError("server disconnected"),
    asyncssh.ConnectionLost("gone"),
    asyncssh.SFTPConnectionLost("gone"),
    SMBConnectionClosed("gone"),
    ftplib.error_temp("421 too many"),
    EOFError(),
    ConnectionRefusedError(),
    socket.gaierror(-3, "temporary failure in name resolution"),
    TimeoutError(),
    OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 101] Connect call failed"),
    BadGatewayError(),
    ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
]
NEVER: list[tuple[Exception, type[BakupError], str]] = [
    (s3("AccessDenied", 403), NoTarget, "target-denied"),
    (s3("403", 403), NoTarget, "target-denied"),
    (s3("InvalidAccessKeyId", 403), NoTarget, "target-denied"),
    (s3("NoSuchBucket", 404), NoTarget, "target-missing"),
    (NoCredentialsError(), NoTarget, "target-denied"),
    (s3("QuotaExceeded", 403), Failed, "no-space"),
    (s3("InvalidArgument", 400), StoreError, "store"),
    (azure(403, "AuthorizationFailure"), NoTarget, "target-denied"),
    (ResourceNotFoundError("gone", response=None), StoreError, "store"),
    (HttpError({"code": 401, "message": "who"}), NoTarget, "target-denied"),
    (dav(403), NoTarget, "target-denied"),
    (dav(507), Failed, "no-space"),
    (InsufficientStorage("a"), Failed, "no-space"),
    (asyncssh.PermissionDenied("no key"), NoTarget, "target-denied"),
    (asyncssh.HostKeyNotVerifiable("who"), NoTarget, "target-denied"),
    (asyncssh.SFTPNoSpaceOnFilesystem("full"), Failed, "no-space"),
    (asyncssh.SFTPNoSuchFile("gone"), NoTarget, "target-missing"),
    (LogonFailure(), NoTarget, "target-denied"),
    (ftplib.error_perm("530 login"), NoTarget, "target-denied"),
    (ftplib.error_perm("552 quota"), Failed, "no-space"),
    (ftplib.error_perm("550 gone"), NoTarget, "target-missing"),
    (KeyError("odd"), StoreError, "store"),
]


@pytest.mark.parametrize("error", AGAIN, ids=lambda error: f"{type(error).__name__}-{str(error)[:20]}")
def test_a_retry_may_help(error: Exception) -> None:
    found = meaning(error, "s3://b")
    assert type(found) is NoAnswer
    assert found.retry_may_help
    assert found.exit_code == 1


@pytest.mark.parametrize(("error", "kind", "code"), NEVER, ids=lambda value: str(value)[:30])
def test_no_retry_helps(error: Exception, kind: type[BakupError], code: str) -> None:
    found = meaning(error, "s3://b")
    assert type(found) is kind
    assert found.code == code
    assert not found.retry_may_help


def test_a_missing_object_is_named() -> None:
    found = meaning(s3("NoSuchKey", 404), "s3://b", "s3://b/a.bakup")
    assert found.code == "object-missing"
    assert "s3://b/a.bakup" in found.message


def test_our_own_errors_stay() -> None:
    error = StoreError("mine")
    assert meaning(error, "s3://b") is error


def test_what_an_error_was_made_from_counts() -> None:
    outer = OSError("wrapped")
    outer.__cause__ = ConnectionResetError("reset")
    assert meaning(outer, "s3://b").retry_may_help
    smb = ValueError("Failed to connect to 'host:445'")
    smb.__cause__ = OSError(errno.EHOSTUNREACH, "No route to host")
    assert meaning(smb, "smb://host").retry_may_help


def test_a_refused_connection_is_said_as_the_system_says_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError, match="Connect call failed") as caught:
        asyncio.run(asyncio.open_connection("127.0.0.1", port))
    assert str(meaning(caught.value, "http://there")) == "http://there: connection refused"
