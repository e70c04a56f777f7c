"""forget: what is dropped is offered nowhere any more, and what is kept comes back as it was; compact says rightly what
nothing needs."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from failing_target import Cut
from rig import NOTHING_ACCEPTED, SECTOR, Answers, Rig, grown
from trees import Tree, noise, snapshot, write

from bakup.api.reports import SyncOptions, TargetOptions
from bakup.api.retention import CompactOptions, CompactReport, ForgetOptions, ForgetReport
from bakup.errors import BakupError, Failed, Usage
from bakup.flows import stats
from bakup.flows.compact import compact
from bakup.flows.forget import forget
from bakup.flows.ls import checkpoints
from bakup.flows.sync import sync
from bakup.retention.policy import Policy
from bakup.retention.space import Bounds
from bakup.store.local.folder import FolderTarget

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

LAST = Policy(last=1)
NOTHING_UNUSED = Bounds(max_unused=0.0)


def drop(rig: Rig, policy: Policy | None = None, *at: str, **options: object) -> ForgetReport:
    """Forget at the rig's target."""
    asked = ForgetOptions(policy or Policy(), at=at, **options)  # type: ignore[arg-type]
    with rig.open("forget") as home:
        return forget(home, str(rig.target), asked, watch=rig.watch, ask=Answers())


def offered(rig: Rig) -> list[str]:
    """Ids of the check points that are listed, complete or not."""
    return [line.uuid.hex() for line in rig.list_all()]


def assert_kept(rig: Rig, kept: list[tuple[str, Tree]]) -> None:
    """Exactly these are there, on a computer that has the words alone too, and each comes back, by both readers."""
    home = rig.home
    for name in (home.name, "elsewhere"):
        shutil.rmtree(rig.folder / "elsewhere", ignore_errors=True)
        rig.home = home if name == home.name else rig.new_home(name)
        assert offered(rig) == [at for at, _ in kept]
        for at, wanted in kept:
            rig.assert_restores(wanted, at=at)
        assert rig.check(read_data=True).exit_code == 0
    rig.home = home
    for at, wanted in kept:
        rig.assert_recovers(wanted, at=at)


def several(rig: Rig, number: int) -> list[tuple[str, Tree]]:
    """Check points of a tree of which a file changes, one comes and one goes."""
    found = []
    for at in range(number):
        write(rig.source, {"stays": b"the same", "changes": noise(2000 + at, at), f"new{at}": noise(500, 100 + at)})
        if at > 1:
            (rig.source / f"new{at - 2}").unlink()
        line = rig.sync().sources[0].checkpoint
        assert line is not None
        found.append((line.uuid.hex(), snapshot(rig.source)))
    return found


def test_what_is_dropped_is_offered_nowhere(rig: Rig) -> None:
    made = several(rig, 5)
    report = drop(rig, Policy(last=2), dry_run=True)
    assert offered(rig) == [at for at, _ in made]
    assert [line.uuid.hex() for line in report.dropped] == [at for at, _ in made[:3]]
    before = rig.sectors()
    done = drop(rig, Policy(last=2))
    assert (done.dropped, done.unneeded) == (report.dropped, report.unneeded)
    assert set(before) < set(rig.sectors()), "nothing is deleted"
    assert_kept(rig, made[3:])


def test_over_several_sectors(rig: Rig, small_cuts: None) -> None:
    made = grown(rig)
    drop(rig, None, made[1][0])
    assert_kept(rig, [made[0], made[2]])


def test_a_base_that_was_dropped_still_serves_and_its_loss_is_told(rig: Rig) -> None:
    made = several(rig, 3)
    base = rig.sectors()[1]
    drop(rig, LAST)
    assert_kept(rig, made[2:])
    base.unlink()
    assert rig.check().exit_code == 21
    rig.new_home("third")
    assert rig.check().exit_code in (21, 23)


def test_loss_of_what_was_dropped_and_nothing_stands_on_is_not_reported(rig: Rig) -> None:
    several(rig, 3)
    gone = rig.sectors()
    rig.sync(standalone=True, always=True)
    drop(rig, LAST)
    for path in gone:
        path.unlink()
    assert rig.check().exit_code == 0
    rig.new_home("elsewhere")
    assert rig.check(read_data=True).exit_code == 0
    rig.assert_restores(snapshot(rig.source))
    rig.assert_recovers(snapshot(rig.source))
    assert rig.sync(always=True).sources[0].made
    assert rig.check().exit_code == 0


def test_the_latest_is_spared_unless_asked_for(rig: Rig) -> None:
    made = several(rig, 3)
    with pytest.raises(Usage, match="is the latest check point of"):
        drop(rig, None, made[2][0])
    assert [one.kept_by for one in drop(rig, Policy(tags=frozenset("x")), dry_run=True).judged] == [(), (), ("latest",)]
    drop(rig, None, made[2][0], even_latest=True)
    assert_kept(rig, made[:2])


def test_a_sync_goes_on_after_the_latest_was_dropped(rig: Rig) -> None:
    made = several(rig, 3)
    drop(rig, None, made[2][0], even_latest=True)
    line = rig.sync().sources[0].checkpoint
    assert line is not None
    assert_kept(rig, [*made[:2], (line.uuid.hex(), made[2][1])])
    assert rig.watch.warnings == [one for one in rig.watch.warnings if "forks" not in one]


def test_all_of_a_source_may_go_and_it_begins_anew(rig: Rig) -> None:
    several(rig, 3)
    other = rig.folder / "other"
    other.mkdir()
    (other / "file").write_bytes(b"of the other")
    rig.sync(other)
    drop(rig, Policy(tags=frozenset("none")), source="source", even_latest=True)
    assert len(offered(rig)) == 1
    assert rig.check().exit_code == 0
    rig.new_home("elsewhere")
    assert rig.check().exit_code == 0
    rig.home = rig.folder / "home"
    report = rig.sync().sources[0]
    assert report.made
    rig.assert_restores(snapshot(rig.source), source="source")
    assert rig.check().exit_code == 0
    assert len(offered(rig)) == 2


def test_nothing_at_all_is_left(rig: Rig) -> None:
    made = several(rig, 2)
    drop(rig, Policy(tags=frozenset("none")), even_latest=True)
    assert offered(rig) == []
    with pytest.raises(Failed, match="holds no complete check point"):
        rig.restore()
    assert rig.check().exit_code == 0
    code, said = rig.recover(str(rig.target), str(rig.new_out()))
    assert (code, "lost" in said) == (1, False), said
    rig.sync()
    rig.assert_restores(made[1][1])


def test_what_a_killed_run_left_may_be_dropped(rig: Rig, small_cuts: None) -> None:
    made = grown(rig)
    write(rig.source, {"more": noise(400_000, 77)})
    rig.sync(sector_size=192 << 10)
    rig.sectors()[-1].unlink()
    rig.forget("catalog.db", "state.db")
    left = [line for line in rig.list_all() if line.incomplete]
    assert len(left) == 1
    drop(rig, None, left[0].uuid.hex())
    assert_kept(rig, made)


def test_its_bytes_are_counted(rig: Rig) -> None:
    several(rig, 3)
    report = drop(rig, LAST)
    with rig.open("stats") as home:
        told = stats.stats(
            home,
            str(rig.target),
            source=None,
            at=None,
            target=NOTHING_ACCEPTED,
            watch=rig.watch,
            ask=Answers(),
        )
    assert told.unneeded == report.unneeded
    assert told.versions is not None
    assert told.versions.raw == told.versions.bytes, "nothing is stored twice"
    assert told.versions.versions == 4


def test_a_put_that_fails_drops_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    made = several(rig, 3)

    def refuse(*_: object) -> str:
        raise Failed("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(FolderTarget, "put_new", refuse)
        with pytest.raises(BakupError):
            drop(rig, LAST)
    assert_kept(rig, made)


STORE_CALLS = ("exists", "list", "size", "read", "read_ranges", "put_new")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", [Cut("killed"), Failed("the store failed")], ids=["killed", "failed"])
def test_cut_off_at_every_call_of_the_store(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, error: BaseException, after: bool
) -> None:
    made = several(rig, 3)
    kept, calls = [at for at, _ in made], 0

    def counted(name: str) -> Callable[..., object]:
        real = getattr(FolderTarget, name)

        def call(self: FolderTarget, *arguments: object) -> object:
            nonlocal calls
            calls -= 1
            if calls == 0 and not after:
                raise error
            found = real(self, *arguments)
            if calls == 0:
                raise error
            return found

        return call

    for number in range(1, 100):
        rig.forget("catalog.db")
        with monkeypatch.context() as patch:
            for name in STORE_CALLS:
                patch.setattr(FolderTarget, name, counted(name))
            calls = number
            with suppress(Cut, Failed):
                drop(rig, LAST)
            ended = calls > 0
        listed = offered(rig)
        assert listed in (kept, kept[-1:]), "all of it was said, or nothing"
        kept = listed
        assert not list(rig.target.glob(".bakup-spool/*/*.bakup"))
        if ended:
            break
    assert number > 8
    assert_kept(rig, made[2:])


def test_a_target_that_nobody_signed_drops_nothing(rig: Rig) -> None:
    rig.sync(sign=False, encrypt=False)
    with pytest.raises(Usage, match="what nobody signed"):
        drop(rig, LAST, target=type(NOTHING_ACCEPTED)(accept_plain=True, accept_unsigned=True))


def test_the_plain_layout_has_no_word_for_it(rig: Rig) -> None:
    (rig.source / "a").write_bytes(b"a")
    rig.sync(layout="atbak", sector_size=None)
    with pytest.raises(Usage, match="plain layout"):
        drop(rig, LAST)


def planned(rig: Rig, bounds: Bounds = NOTHING_UNUSED) -> CompactReport:
    """What a compact would do at the rig's target."""
    with rig.open("compact") as home:
        return compact(home, str(rig.target), CompactOptions(bounds), watch=rig.watch, ask=Answers())


def test_nothing_is_unneeded_before_anything_was_dropped(rig: Rig) -> None:
    several(rig, 3)
    report = planned(rig)
    assert (report.full, report.partly, report.empty, report.freed) == (3, 0, 0, 0)


def test_sectors_by_what_is_needed_of_them(rig: Rig) -> None:
    several(rig, 3)
    drop(rig, LAST)
    report = planned(rig)
    # Of the first two a small file is needed still, and so its pack; their metadata are not.
    assert (report.full, report.partly, report.empty) == (2, 2, 0)
    assert report.listed_anew == 1
    assert report.plan.copied < sum(one.size for one in report.plan.rewritten)


@pytest.mark.parametrize("seed", range(6))
def test_sectors_of_which_nothing_is_needed_can_be_missing(rig: Rig, seed: int) -> None:
    chance, kept = random.Random(seed), []
    for at in range(8):
        write(rig.source, {f"file{chance.randrange(4)}": noise(chance.randrange(4000), seed * 100 + at)})
        line = rig.sync(standalone=chance.random() < 0.4, always=True).sources[0].checkpoint
        assert line is not None
        kept.append((line.uuid.hex(), snapshot(rig.source)))
    rig.sync(standalone=True, always=True)
    kept.append((rig.list()[-1].uuid.hex(), snapshot(rig.source)))
    number = chance.randrange(1, 4)
    drop(rig, Policy(last=number))
    report = planned(rig)
    names = {f"{UUID(bytes=one.uuid)}.bakup" for one in report.plan.deleted}
    if report.listed_anew:
        # The metadata of a dropped base are needed until what is made on it is listed anew.
        number = 1
        drop(rig, LAST)
        names = {f"{UUID(bytes=one.uuid)}.bakup" for one in planned(rig).plan.deleted}
    assert names
    for name in names:
        (rig.target / name).unlink()
    assert_kept(rig, kept[-number:])


def test_bounds_of_a_plan(rig: Rig) -> None:
    several(rig, 4)
    drop(rig, LAST)
    assert planned(rig, Bounds(older_than_s=3600.0)).plan.rewritten == ()
    assert planned(rig, Bounds(max_unused=0.0, max_rewrite=0)).plan.rewritten == ()
    assert planned(rig, Bounds(max_unused=1.0)).plan.rewritten == ()
    assert len(planned(rig).plan.rewritten) >= 1


def test_what_a_run_may_still_need_stays(rig: Rig, small_cuts: None) -> None:
    several(rig, 2)
    write(rig.source, {"more": noise(400_000, 77)})
    rig.sync(sector_size=192 << 10)
    rig.sectors()[-1].unlink()
    rig.forget("catalog.db", "state.db")
    left = {bytes.fromhex(path.stem.replace("-", "")) for path in rig.sectors()[2:]}
    drop(rig, LAST)
    assert left <= {one.uuid for one in planned(rig).plan.kept}


def test_another_computer_hears_of_it_beside_its_own_catalog(rig: Rig) -> None:
    made = several(rig, 3)
    here, there = rig.home, rig.new_home("there")
    assert len(offered(rig)) == 3
    rig.home = here
    drop(rig, LAST)
    rig.home = Path(there)
    assert offered(rig) == [made[2][0]]
    drop(rig, LAST)
    assert offered(rig) == [made[2][0]]


@pytest.mark.peer
def test_in_a_bucket_that_locks_its_objects(rig: Rig, fleet: Fleet) -> None:
    from tests.servers.s3 import client_at

    served = fleet["moto"]
    client = client_at(*(served.options[word] for word in ("endpoint_url", "key", "secret")))
    client.create_bucket(Bucket="worm", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    locking = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    client.put_object_lock_configuration(Bucket="worm", ObjectLockConfiguration=locking)
    client.close()
    place, target = "s3://worm/target", TargetOptions(store=served.options)
    for content in (b"1", b"22", b"333"):
        write(rig.source, {"file": content})
        with rig.open("sync") as home:
            sync(home, [bytes(rig.source)], place, SyncOptions(sector_size=SECTOR, target=target), rig.watch, Answers())
    with rig.open("forget") as home:
        report = forget(home, place, ForgetOptions(LAST, target=target), watch=rig.watch, ask=Answers())
    rig.new_home("elsewhere")
    with rig.open("ls") as home:
        found = checkpoints(home, place, source=None, tag=None, target=target, watch=rig.watch, ask=Answers())
    assert [line.uuid for line in found.checkpoints] == [report.judged[2].line.uuid]
    assert found.sectors == 4, "three backups and a record"
