"""What a kind of store asks for before it gives or takes anything, in words for people."""

from __future__ import annotations

from typing import Final

_KEY_PAIR = "an access key for this bucket: its id and its secret"
_GOOGLE = "a Google login or service key that may read this bucket"
_AZURE = "the storage account's name, and its key or a login"
_SSH = "a login at this host: user, and SSH key or password"
_LOGIN = "a login at this server: user and password"
_NEEDED: Final = {
    **dict.fromkeys(("s3", "s3a", "oss", "b2"), _KEY_PAIR),
    **dict.fromkeys(("gs", "gcs"), _GOOGLE),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), _AZURE),
    **dict.fromkeys(("sftp", "ssh"), _SSH),
    **dict.fromkeys(("ftp", "ftps", "smb", "webdav", "webdavs", "http", "https"), _LOGIN),
}
SCHEMES: Final = tuple(_NEEDED)
_OTHER = "what opens this store: its user, password or key"


def needed(url: str) -> str:
    """What opens the store at `url`, at most 56 letters: a line of the card."""
    return _NEEDED.get(url.partition("://")[0].lower(), _OTHER)
