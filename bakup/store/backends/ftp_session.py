"""One connection to an FTP server: RFC 959, over TLS RFC 4217, listings and sizes as RFC 3659 has them."""

from __future__ import annotations

import ftplib
import posixpath
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from bakup.store.backends import ftp_listing
from bakup.store.backends.coroutines import CONNECT_S, SILENCE_S
from bakup.store.backends.ftp_listing import Entry
from bakup.store.files import Reading
from bakup.store.wire import PIECE, Body

_MISSING, _HANGS_UP = "550", "421"
_GOODBYE_S = 5.0
"""A server that does not answer the end of TLS has all the same taken what was sent."""


class Server(NamedTuple):
    """Where a server is and how it is spoken to; `tls` is None for none, `implicit` for TLS from the first byte."""

    host: str
    port: int
    user: str
    password: str
    tls: ssl.SSLContext | None
    implicit: bool = False
    silence_s: float = SILENCE_S


class Session(ftplib.FTP_TLS):
    """Logged in; `features` are what FEAT tells, `home` is the folder where one is then.

    Names are bytes for FTP: those that are no UTF-8 stand here with surrogates.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(timeout=server.silence_s, context=server.tls or ssl.create_default_context())
        self.features: dict[str, str] = {}
        self.home = "/"
        try:
            self._open(server)
        except BaseException:
            self.close()
            raise

    def path(self, path: str) -> str:
        """As the server has it: `~` is where one is after the login."""
        return posixpath.join(self.home, path[2:]) if path == "~" or path.startswith("~/") else path or "/"

    def is_folder(self, path: str) -> bool:
        """Whether one can go into it. Raises error_perm when that cannot be told."""
        try:
            self.cwd(path)
        except ftplib.error_perm as error:
            if _reply(error) == _MISSING:
                return False
            raise
        return True

    def bytes_of(self, path: str) -> int | None:
        """Size of a file, None if it is not there; where SIZE is not answered, what stands in a listing."""
        try:
            return self.size(path)
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if _reply(error) == _HANGS_UP:
                raise
            if _reply(error) == _MISSING and "ascii" not in str(error).lower():
                return None
        self.voidcmd("TYPE I")
        found = self._described(path) if "MLST" in self.features else self._listed(path)
        return None if found is None or found.kind != "file" else found.size

    def entry(self, path: str) -> Entry | None:
        """What there is at a path, None if nothing is; without MLST a folder may be nothing too."""
        if "MLST" in self.features:
            return self._described(path)
        size = self.bytes_of(path)
        return None if size is None else Entry(posixpath.basename(path), "file", size)

    def entries(self, folder: str) -> Iterator[Entry]:
        """What is in a folder: exact by MLSD; by LIST, where a server knows no better, without times.

        Raises PermissionError for a folder that the server cannot read, error_perm for one that is not there.
        """
        try:
            exact = "MLST" in self.features
            found = map(_described, self._lines(f"MLSD {folder}")[0]) if exact else self._guessed(folder)
        except ftplib.error_perm as error:
            if _reply(error) != _MISSING and not self.is_folder(folder):
                raise FileNotFoundError(folder) from error
            raise
        yield from (_one_name(one) for one in found if one.name not in (".", ".."))

    def modified(self, path: str) -> str:
        """When a file was, by MDTM; empty where the server does not tell."""
        if "MDTM" not in self.features:
            return ""
        with suppress(ftplib.error_perm):
            return self.sendcmd(f"MDTM {path}")[3:].strip()
        return ""

    def hung_up(self) -> None:
        """Take the reply to a transfer: 226, or that it was cut short, which we know."""
        with suppress(ftplib.error_temp):
            self.voidresp()

    def store(self, path: str, body: Body | Reading) -> None:
        """STOR. Raises what the server says, also where it hung up before it said so."""
        with self.transfercmd(f"STOR {path}") as stream:
            try:
                while piece := body.read(PIECE):
                    stream.sendall(piece)
                _end(stream)
            except OSError:
                stream.close()
                self.voidresp()
                raise
        self.voidresp()

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """A connection for data. Under TLS it goes on with the session of the commands, which many servers demand."""
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - what a user asked for
        if self._prot_p:  # type: ignore[attr-defined]
            assert isinstance(self.sock, ssl.SSLSocket)
            try:
                data = self.context.wrap_socket(data, server_hostname=self.host, session=self.sock.session)
            except BaseException:
                data.close()
                raise
        return data, size

    def _open(self, server: Server) -> None:
        self.host, self.port = server.host, server.port
        self.sock = socket.create_connection((self.host, self.port), CONNECT_S)
        self.af = self.sock.family
        self._speak(tls=server.implicit)
        self.welcome = self.getresp()
        if server.tls is not None and not server.implicit:
            self.voidcmd("AUTH TLS")
            self._speak(tls=True)
        ftplib.FTP.login(self, server.user, server.password)  # noqa: S321 - the same
        self.sock.settimeout(server.silence_s)
        if server.tls is not None:
            self.prot_p()
        self.features = self._features()
        if "UTF8" in self.features:
            self._try("OPTS UTF8 ON")
        if "MLST" in self.features:
            self._try("OPTS MLST type;size;modify;")
        with suppress(ftplib.error_perm):
            self.home = self.pwd()
        self.voidcmd("TYPE I")

    def _speak(self, *, tls: bool) -> None:
        """Begin to speak, by TLS with a server that has proved who it is."""
        assert self.sock is not None
        if tls:
            self.sock = self.context.wrap_socket(self.sock, server_hostname=self.host)
        self.file = self.sock.makefile("r", encoding="utf-8", errors="surrogateescape", newline="")

    def putline(self, line: str) -> None:
        """Send a command."""
        if "\r" in line or "\n" in line:
            raise ValueError("a command is one line")
        assert self.sock is not None
        self.sock.sendall(f"{line}\r\n".encode("utf-8", "surrogateescape"))

    def _features(self) -> dict[str, str]:
        try:
            lines = self.sendcmd("FEAT").splitlines()[1:-1]
        except ftplib.error_perm:
            return {}
        return {name.upper(): rest for name, _, rest in (line.strip().partition(" ") for line in lines)}

    def _try(self, command: str) -> None:
        with suppress(ftplib.error_perm):
            self.sendcmd(command)

    def _described(self, path: str) -> Entry | None:
        try:
            return _described(self.sendcmd(f"MLST {path}").splitlines()[1].lstrip())
        except ftplib.error_perm as error:
            if _reply(error) == _MISSING:
                return None
            raise

    def _listed(self, path: str) -> Entry | None:
        folder, name = posixpath.split(path)
        try:
            return next((one for one in self.entries(folder) if one.name == name), None)
        except ftplib.error_perm as error:
            if _reply(error) == _MISSING:
                return None
            raise

    def _guessed(self, folder: str) -> Iterator[Entry]:
        """From within the folder: some servers take blanks, `-` or `*` in what LIST is given for something else."""
        self.cwd(folder)
        lines, reply = self._all_lines()
        if not lines and "fail" in reply.lower():
            raise PermissionError(reply.partition(" ")[2])
        return ftp_listing.entries(lines)

    def _all_lines(self) -> tuple[list[str], str]:
        """With the names that begin with a dot, where the server can."""
        with suppress(ftplib.error_perm):
            lines, reply = self._lines("LIST -a")
            if lines:
                return lines, reply
        return self._lines("LIST")

    def _lines(self, command: str) -> tuple[list[str], str]:
        """Lines of data, and the server's reply when they have come."""
        self.voidcmd("TYPE A")
        try:
            with self.transfercmd(command) as stream:
                text = b"".join(iter(lambda: stream.recv(PIECE), b""))
            reply = self.voidresp()
        except ftplib.error_perm:
            self.voidcmd("TYPE I")  # it is kept for the next, which wants no text
            raise
        self.voidcmd("TYPE I")
        return [line.removesuffix("\r") for line in text.decode("utf-8", "surrogateescape").split("\n") if line], reply


def _end(stream: socket.socket) -> None:
    if isinstance(stream, ssl.SSLSocket):
        stream.settimeout(_GOODBYE_S)
        with suppress(OSError):
            stream.unwrap()


def _reply(error: ftplib.Error) -> str:
    return str(error)[:3]


def _described(line: str) -> Entry:
    facts, _, name = line.partition(" ")
    told = {key.lower(): value for key, _, value in (fact.partition("=") for fact in facts.split(";"))}
    match told.get("type", "").lower():
        case "file":
            return Entry(name, "file", int(told.get("size", 0)), told.get("modify", ""))
        case "dir":
            return Entry(name, "directory", 0, told.get("modify", ""))
        case "cdir" | "pdir":
            return Entry(".", "directory")
        case _:
            return Entry(name, "other")


def _one_name(entry: Entry) -> Entry:
    """A name that would lead elsewhere is none that can be asked for."""
    return Entry(entry.name.replace("/", "\\"), "other") if "/" in entry.name else entry
