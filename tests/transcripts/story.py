"""The first days with bakup: the first run on a terminal, a plan, the second run, a third that finds nothing."""

from __future__ import annotations

import os
import re
import shutil
import time

from stage import Stage, Terminal, remove, write, write_all

OLD = (
    *(f"2025/07/Sardinia/DSC044{number:02d}.ARW" for number in range(5, 16)),
    *(f"2025/08/DSC045{number:02d}.ARW" for number in range(15, 20)),
    "2025/08/boat.mov",
    "2026/10/IMG_0377.jpg",
    "2026/10/IMG_0399.jpg",
    "2026/10/IMG_0400.jpg",
    "2026/09/IMG_0412.jpg",
    "2026/09/raw/IMG_0412.raw",
    "Catalogue/previews.db",
    "Catalogue/main.db",
    "Catalogue/history.db",
)
DELETED = ("2026/10/IMG_0399.jpg", "2026/10/IMG_0400.jpg")
CHANGED = ("Catalogue/previews.db", "Catalogue/main.db", "Catalogue/history.db")
NEW = tuple(f"2026/11/IMG_0{number}.jpg" for number in range(413, 431))

WORDS = " ".join(["legal winner thank year wave sausage worth useful"] * 2) + (
    " legal winner thank year wave sausage worth title"
)


class Story:
    """What each run showed; afterwards the drive has two check points and the computer its account."""

    def __init__(self) -> None:
        self.stage = Stage()
        try:
            self._tell()
        except BaseException:
            self.stage.close()
            raise

    def reset(self) -> None:
        """Undo what was done to the drive, to the local state and in Ana's folder."""
        for name in set(os.listdir(self.stage.home)) - {".local", "Photos", "kept"}:
            remove(f"{self.stage.home}/{name}")
        for folder, copy in self._kept:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(copy, folder, symlinks=True)
        for sector in sorted(self.stage.sectors(), key=os.path.getmtime):
            os.chmod(sector, os.stat(sector).st_mode)  # put in this order

    def _tell(self) -> None:
        stage = self.stage
        self._first_day()
        self.first = stage.terminal("sync", "~/Photos", "/mnt/usb/backup")
        self.card = self.first.until("Type word")
        self.words = words_of(self.card)
        answer(self.first, self.words)
        self.first_code = self.first.finish()
        time.sleep(1.1)  # so that the two check points differ by the second
        self._second_day()
        self.plan = stage.shown("plan", "~/Photos", "/mnt/usb/backup", "--exclude", "*.tmp", "--exclude-caches")
        for junk in [*self._temporary(), *self._cached()]:
            os.unlink(f"{stage.photos}/{junk}")
        self.second = stage.shown("sync", "~/Photos", "/mnt/usb/backup", "--tag", "after-trip")
        self.third = stage.shown("sync", "~/Photos", "/mnt/usb/backup")
        places = ((stage.drive, "drive"), (stage.state, "state"))
        self._kept = [(folder, f"{stage.home}/kept/{name}") for folder, name in places]
        for folder, copy in self._kept:
            shutil.copytree(folder, copy, symlinks=True)

    def _first_day(self) -> None:
        photos = self.stage.photos
        write_all(photos, OLD)
        write(f"{photos}/2026/09/" + os.fsdecode(b"caf\xe9.jpg"))
        os.symlink("IMG_0412.jpg", f"{photos}/2026/09/best.jpg")
        os.mkdir(f"{photos}/cache")
        with open(f"{photos}/cache/CACHEDIR.TAG", "w") as file:
            file.write("Signature: 8a477f597d28d172789f06886806bc55")

    def _second_day(self) -> None:
        photos = self.stage.photos
        write_all(photos, [*NEW, *self._temporary(), *self._cached()])
        for name in CHANGED:
            write(f"{photos}/{name}", seed="changed")
        for name in DELETED:
            os.unlink(f"{photos}/{name}")

    def _temporary(self) -> list[str]:
        return [f"2026/{number}.tmp" for number in range(12)]

    def _cached(self) -> list[str]:
        return [f"cache/{number}" for number in range(29)]


def words_of(card: list[str]) -> list[str]:
    """The 24 words of a card."""
    found = dict(re.findall(r"(?:^|\s)(\d{1,2}) ([a-z]{3,8})\b", "\n".join(card[3:9])))
    assert len(found) == 24, card
    return [found[str(number)] for number in range(1, 25)]


def answer(at: Terminal, words: list[str]) -> None:
    """Type the two words that a new card asks for."""
    for question in ("Type word ", "and word "):
        line = next(line for line in at.until(question) if question in line)
        number = int(line.partition(question)[2].partition(":")[0])
        at.type(words[number - 1] + "\n")


_kept_account: list[bytes] = []


def recover(stage: Stage, **settings: str) -> None:
    """The account of the page is on this computer; recovered once, then its file is copied."""
    if not _kept_account:
        assert stage.pipe("account", "recover", "--words-file", "-", stdin=WORDS).code == 0
        with open(f"{stage.state}/account", "rb") as file:
            _kept_account.append(file.read())
        os.unlink(f"{stage.state}/account")
    folder = stage.here(settings.get("BAKUP_HOME", stage.state))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.open(f"{folder}/account", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_kept_account[0])


def lose_a_sector(stage: Stage) -> str:
    """A drive that lost a sector with two files and a part of a third, which two check points need; gives its id."""
    sync = ("sync", "~/Photos", "/mnt/usb/backup", "--sector-size", "16MiB")
    recover(stage)
    write_all(stage.photos, ("2024/a.jpg", "2024/b.jpg", "2025/08/DSC04517.ARW"))
    assert stage.pipe(*sync).code == 0
    write_all(stage.photos, ("2025/08/DSC04518.ARW", "2025/08/DSC04519.ARW"))
    write(f"{stage.photos}/2025/08/boat.mov", 40 << 20)
    assert stage.pipe(*sync).code == 0
    lost = stage.sectors()[1]
    write_all(stage.photos, ("2026/a.jpg",))
    assert stage.pipe(*sync).code == 0
    os.unlink(lost)
    return os.path.basename(lost).removesuffix(".bakup")
