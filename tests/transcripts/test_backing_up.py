"""Section 2 of the experience page: the first run, the second, nothing changed, a plan, cron."""

from __future__ import annotations

import os
import re

from blocks import CARD, PLANNED, SECOND
from page import same
from stage import Stage, write
from story import Story


def test_the_card_of_the_first_run(told: Story) -> None:
    same(
        told.card,
        CARD + "Written down? Type word 7:",
    )


def test_the_first_run(told: Story) -> None:
    assert told.first_code == 0
    same(
        told.first.lines,
        """\
made account 7c41-9e02-b3aa; to see its words again: bakup account words
new           56,204 files   67.4 GiB
stored        66.1 GiB in 265 sectors (estimated 65.8 GiB), in 4 min 12 s
check point   3f9c2a1e of laptop:/home/ana/Photos, 2026-11-21 18:40:12
hint: try it before you need it: bakup restore /mnt/usb/backup /tmp/try
""",
    )
    assert {"made", "new", "stored"} <= {line.split()[0] for line in told.first.lines}


def test_the_words_leave_the_terminal_with_the_card(told: Story) -> None:
    before, _, rest = told.first.written.partition(b"\x1b[?1049h")
    card, _, after = rest.partition(b"\x1b[?1049l")
    for number, word in enumerate(told.words, 1):
        told_off = f"{number} {word}".encode()
        assert told_off in card
        assert told_off not in before + after
    assert b"\x1b[2J" in card[-20:]


def test_the_second_run(told: Story) -> None:
    same(
        told.second,
        SECOND,
    )
    assert "new               18 files" in told.second[0]
    assert "changed            3 files" in told.second[1]
    assert "deleted            2 files" in told.second[2]


def test_nothing_changed(told: Story) -> None:
    same(
        told.third,
        """\
unchanged     56,220 files   67.6 GiB, in 0.6 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05, stands
""",
    )
    assert told.third[-1].removesuffix(", stands") == told.second[-1]


def test_plan(told: Story) -> None:
    same(
        told.plan,
        PLANNED,
    )


def test_progress_of_a_scan(stage: Stage) -> None:
    for month in range(1, 13):
        folder = f"{stage.photos}/2025/{month:02d}"
        os.makedirs(folder)
        write(f"{folder}/0", 1000)
        for number in range(1, 12_000):  # so many that the scan is seen on any machine
            os.link(f"{folder}/0", f"{folder}/{number}")
    at = stage.terminal("plan", "~/Photos", "/mnt/usb/backup")
    shown = at.until("scanning")[-1]
    same(re.sub(r"2025/\d\d$", "2025/03", shown), "scanning  41,237 files  48.8 GiB  2025/03")
    assert at.finish() == 0
    assert at.lines[0].startswith("new           144,000 files")
    assert "scanning" not in "\n".join(at.lines)
