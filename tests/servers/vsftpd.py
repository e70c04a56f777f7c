"""FTP over TLS as vsftpd serves it (root: it changes users): it has LIST only, and wants one session for all of TLS."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.certificate import certificate
from tests.servers.running import HOST, free_port, running
from tests.servers.served import Served

_SETTINGS = """\
listen=YES
listen_address={host}
listen_port={port}
anonymous_enable=YES
no_anon_password=YES
anon_root={folder}/root
anon_umask=022
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
secure_chroot_dir={folder}/empty
seccomp_sandbox=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
rsa_cert_file={certificate}
rsa_private_key_file={key}
"""


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """A vsftpd with one folder that its users may write to."""
    port, data = free_port(), folder / "root" / "backups"
    folder.chmod(0o755)
    data.mkdir(parents=True)
    (folder / "empty").mkdir()
    shutil.chown(data, "ftp")
    made, key = certificate(folder)
    (folder / "config").write_text(_SETTINGS.format(host=HOST, port=port, folder=folder, certificate=made, key=key))
    with running(["vsftpd", folder / "config"], folder / "out", port=port):
        yield Served(f"ftps://anonymous:x@{HOST}:{port}/backups", port, {"verify": str(made)})
