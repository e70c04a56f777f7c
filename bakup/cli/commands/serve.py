"""`bakup serve webdav` and `bakup serve http`: check points for other systems and browsers."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import names
from bakup.cli.output.rows import Rows
from bakup.cli.output.unreadable import Unreadable
from bakup.cli.parsing import places
from bakup.cli.parsing.options import Keeping, WithTarget, option
from bakup.cli.running import Run
from bakup.errors import Failed, Usage

if TYPE_CHECKING:
    from bakup.api.reports import TargetOptions
    from bakup.serve.server import Listening

GROUPS = {"serve": ("check points for other systems, over HTTP", "Show check points to other programs over HTTP.")}

_WHERE = "Where it listens"
_TEXT = """
Show the check points at DST, read-only, {as_what}.
It listens on this computer alone; elsewhere it must have a password.

Nothing is fetched before it is asked for, each part is verified before a
byte of it is given, and new check points appear by themselves. What is
damaged breaks the answer off. It stays until ctrl-C.

A folder of a check point comes whole with ?tar or ?zip behind its address.
It never changes DST. What goes over the network is not encrypted: put it
behind a server that speaks TLS.
"""


@dataclass(frozen=True)
class Where:
    """Where it listens, and for whom."""

    listen: Annotated[
        str, option("--listen", metavar="HOST:PORT", help="address and port (127.0.0.1:8730)", group=_WHERE)
    ] = "127.0.0.1:8730"
    user: Annotated[str, option("--user", metavar="NAME", help="who may look (bakup)", group=_WHERE)] = "bakup"
    password_file: Annotated[
        str | None, option("--password-file", metavar="FILE", help="with the password in FILE", group=_WHERE)
    ] = None

    def listening(self) -> Listening:
        """As the server takes it. Raises Usage without a password where others could reach it."""
        from bakup.serve.server import Listening

        host, colon, port = self.listen.rpartition(":")
        host = host.strip("[]")
        if not colon or not host or not port.isdecimal() or int(port) > 65_535:
            hint = "an address and a port: --listen 127.0.0.1:8730"
            raise Usage(f"not HOST:PORT: {self.listen}", hints=(hint,), code="usage")
        if self.password_file is None and not _is_loopback(host):
            hint = "with a password in a file: --password-file FILE"
            raise Usage(f"{host} can be reached by others: it needs a password", hints=(hint,), code="password")
        return Listening(host, int(port), self.user, _password(self.password_file))


@command(
    "serve webdav",
    short="for file managers of any system",
    text=_TEXT.format(as_what="by WebDAV"),
    examples=("bakup serve webdav /mnt/usb/backup",),
)
def webdav(run: Run, dst: places.Target, where: Where, target: WithTarget, keeping: Keeping) -> int:
    """Serve WebDAV."""
    return _serve(run, dst, where, keeping.with_cache(target.options()), webdav=True)


@command(
    "serve http",
    short="for browsers",
    text=_TEXT.format(as_what="as pages for a browser"),
    examples=("bakup serve http s3://ana-backup/photos --listen 127.0.0.1:9000",),
)
def http(run: Run, dst: places.Target, where: Where, target: WithTarget, keeping: Keeping) -> int:
    """Serve pages."""
    return _serve(run, dst, where, keeping.with_cache(target.options()), webdav=False)


def _serve(run: Run, dst: str, where: Where, target: TargetOptions, *, webdav: bool) -> int:
    from bakup.flows import serve as flow

    place, listening = places.target(dst), where.listening()

    def began(host: str, port: int) -> None:
        at = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        rows = Rows()
        rows.text("serving", f"{names.shown_text(place)} at {at}")
        run.console.report(*rows.lines())
        run.console.object({"message_type": "serving", "target": place, "url": at})
        run.console.flush()

    with run.home(write=False) as home:
        flow.serve(
            home,
            place,
            listening,
            webdav=webdav,
            target=target,
            began=began,
            report=Unreadable(run.watch).report,
            watch=run.watch,
            ask=run.ask,
        )
    return run.finish({"target": place}, 0)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _password(file: str | None) -> str | None:
    if file is None:
        return None
    try:
        with open(file, encoding="utf-8") as opened:
            found = opened.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"cannot read {file}: {error}", code="password") from error
    if not found:
        raise Usage(f"{file} is empty: it must hold a password", code="password")
    return found
