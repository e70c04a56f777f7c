"""HTTP as S3 clients speak it, going on where a server gives no interim answer."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession

GO_ON_S = 1.0
"""Seconds in which `100 Continue` may come, as with curl: nobody is to wait for ever (RFC 9110, section 10.1.1)."""


class _Asking(aiohttp.ClientRequest):
    """Sends its body though nobody said that it may."""

    async def write_bytes(self, *given: Any, **words: Any) -> None:
        """As aiohttp's, but for how long it waits."""
        if self._continue is not None:
            writer = given[0] if given else words["writer"]
            writer.send_headers()
            await writer.drain()
            await asyncio.wait((self._continue,), timeout=GO_ON_S)
            if not self._continue.done():
                self._continue.set_result(True)
        await super().write_bytes(*given, **words)


class AskingSession(AIOHTTPSession):  # type: ignore[misc] # aiobotocore has no types
    """Sessions of such requests."""

    async def _get_session(self, proxy_url: str | None) -> aiohttp.ClientSession:
        session: aiohttp.ClientSession = await super()._get_session(proxy_url)
        session._request_class = _Asking
        return session
