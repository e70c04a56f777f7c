"""The forge against the page: the worked example, byte for byte."""

import re
from pathlib import Path

from tests.vectors.forge import Account, CheckPoint, Sector
from tests.vectors.forge import entries as e

PAGE = (Path(__file__).parents[2] / "docs" / "format" / "sector.md").read_text("utf-8")


def example_of_the_page():
    dump = PAGE.split("## 9. A worked example")[1].split("```")[1]
    found = b""
    for at, digits in re.findall(r"^([0-9a-f]{4})  ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  .*)?$", dump, re.MULTILINE):
        assert len(found) == int(at, 16)
        found += bytes.fromhex(digits)
    return found


FIRST, MADE, LATER = 1795405407490877041, 1795405407494405041, 1795405407494470553


def attributes(mode, inode, ctime, birth):
    owner = {"uid": 0, "gid": 0, "user": "root", "group": "root"}
    return e.attributes(mode, mtime=1767323045000000000, ctime=ctime, inode=inode, birth=birth, **owner)


def test_the_worked_example():
    wanted = example_of_the_page()
    sector = Sector(Account(), None, encrypted=False)
    sector.uuid = wanted[14:30]
    cp = CheckPoint(None, wanted[0xFF:0x10F], uuid=wanted[0x6E:0x7E], time=1795405408089712952)
    new = cp.pack(sector, [b"hello\n"])
    again = [e.known(b"hello\n")]
    listed = [
        [e.DIR, b"", attributes(0o755, 1458207, LATER, FIRST)],
        [e.FILE, b"hello.txt", attributes(0o644, 1458208, MADE, FIRST), 6, new, None],
        [e.SYMLINK, b"link", attributes(0o777, 1458211, LATER, LATER), b"hello.txt"],
        [e.DIR, b"sub", attributes(0o755, 1458209, LATER, MADE)],
        [e.FILE, b"sub/again.txt", attributes(0o644, 1458210, LATER, MADE), 6, again, None],
    ]
    cp.group(sector, listed)
    cp.end(sector)
    assert sector.bytes() == wanted
    assert f"= {cp.lane_digest(0).hex()}" in PAGE
    assert f"= {cp.digest().hex()}" in PAGE
    assert f"= {sector.header_digest().hex()}" in PAGE
