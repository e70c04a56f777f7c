"""Files at an FTP server."""

from __future__ import annotations

from bakup.store.backends.ftp_listing import Entry
from bakup.store.backends.ftp_pool import Pool
from bakup.store.backends.ftp_session import Session
from bakup.store.files import Files, Reading, Told, told


class FtpFiles(Files):
    """Paths as `Session.path` takes them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def ls(self, path: str, *, detail: bool = True) -> list[Told]:
        """By MLSD or LIST; times that a listing has not are asked for one by one."""
        with self._pool.session() as ftp:
            folder = ftp.path(path).rstrip("/")
            found = [*ftp.entries(folder or "/")]
            return [_told(ftp, f"{folder}/{one.name}", f"{path.rstrip('/')}/{one.name}", one) for one in found]

    def info(self, path: str) -> Told:
        """Whether one can go there, else MLST or SIZE."""
        with self._pool.session() as ftp:
            there = ftp.path(path)
            if ftp.is_folder(there):
                return told(path, "directory", 0)
            if (found := ftp.entry(there)) is None:
                raise FileNotFoundError(path)
            return _told(ftp, there, path, found)

    def store(self, path: str, content: Reading) -> None:
        """STOR."""
        with self._pool.session() as ftp:
            ftp.store(ftp.path(path), content)

    def rm_file(self, path: str) -> None:
        """DELE."""
        with self._pool.session() as ftp:
            ftp.delete(ftp.path(path))

    def mv(self, path: str, to: str) -> None:
        """RNFR and RNTO."""
        with self._pool.session() as ftp:
            ftp.rename(ftp.path(path), ftp.path(to))

    def mkdir(self, path: str) -> None:
        """MKD."""
        with self._pool.session() as ftp:
            ftp.mkd(ftp.path(path))

    def rmdir(self, path: str) -> None:
        """RMD."""
        with self._pool.session() as ftp:
            ftp.rmd(ftp.path(path))


def _told(ftp: Session, there: str, path: str, entry: Entry) -> Told:
    """`there` is the path as the server has it."""
    modified = entry.modified or (ftp.modified(there) if entry.kind == "file" else "")
    return told(path, entry.kind, entry.size, modify=modified)
