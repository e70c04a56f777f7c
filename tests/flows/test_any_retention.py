"""Whatever is synced, forgotten, tagged and lost by two computers: what is kept is listed and comes back as it was."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from rig import NOTHING_ACCEPTED, Answers, Rig
from trees import Tree, noise, snapshot, write

from bakup.api.retention import CompactOptions, ForgetOptions
from bakup.flows.compact import compact
from bakup.flows.forget import forget
from bakup.flows.tag import tag
from bakup.retention.policy import Policy
from bakup.retention.space import Bounds

COMPUTERS = ("home", "other")
TAGS = ("red", "blue")
computers = st.sampled_from(COMPUTERS)


@dataclass
class Kept:
    """A check point as a naive copy keeps it."""

    uuid: str
    tree: Tree
    tags: set[str]


class Retention(RuleBasedStateMachine):
    """One source, one target, two computers with the same account."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.rig = Rig(Path(self.folder))
        self.rig.new_home("other")
        self.kept: list[Kept] = []
        self.content = 0

    def teardown(self) -> None:
        if self.kept:
            self.rig.new_home("last")
            assert [line.uuid.hex() for line in self.rig.list()] == [one.uuid for one in self.kept]
            assert self.rig.check(read_data=True).exit_code == 0
            for one in self.kept[-2:]:
                self.rig.assert_restores(one.tree, at=one.uuid)
                self.rig.assert_recovers(one.tree, at=one.uuid)
        shutil.rmtree(self.folder)

    def use(self, computer: str) -> None:
        self.rig.home = self.rig.folder / computer

    @initialize()
    def first(self) -> None:
        self.sync("home", {"a", "b"}, set(), standalone=False, tagged=set())

    @rule(
        computer=computers,
        changed=st.sets(st.sampled_from("abcd"), min_size=1),
        gone=st.sets(st.sampled_from("cd")),
        standalone=st.booleans(),
        tagged=st.sets(st.sampled_from(TAGS), max_size=1),
    )
    def sync(self, computer: str, changed: set[str], gone: set[str], standalone: bool, tagged: set[str]) -> None:
        self.use(computer)
        for name in sorted(changed):
            self.content += 1
            write(self.rig.source, {f"{name}/file": noise(300, self.content // 2)})
        for name in gone - changed:
            shutil.rmtree(self.rig.source / name, ignore_errors=True)
        line = self.rig.sync(standalone=standalone, always=True, tags=tuple(tagged)).sources[0].checkpoint
        assert line is not None
        self.kept.append(Kept(line.uuid.hex(), snapshot(self.rig.source), set(tagged)))

    @rule(computer=computers, number=st.integers(0, 3), tags=st.sets(st.sampled_from(TAGS), max_size=1))
    def forget_by_rule(self, computer: str, number: int, tags: set[str]) -> None:
        if number or tags:
            self.drop(computer, ForgetOptions(Policy(last=number, tags=frozenset(tags))))
            newest = {one.uuid for one in self.kept[-max(1, number) :]}
            self.kept = [one for one in self.kept if one.uuid in newest or one.tags & tags]

    @precondition(lambda self: len(self.kept) > 1)
    @rule(computer=computers, data=st.data())
    def forget_one(self, computer: str, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.kept), label="dropped")
        self.drop(computer, ForgetOptions(at=(one.uuid,), even_latest=True))
        self.kept.remove(one)

    @rule(computer=computers, data=st.data(), name=st.sampled_from(TAGS), adds=st.booleans())
    def tag(self, computer: str, data: st.DataObject, name: str, adds: bool) -> None:
        one = data.draw(st.sampled_from(self.kept), label="tagged")
        self.use(computer)
        with self.rig.open("tag") as home:
            line = tag(
                home,
                str(self.rig.target),
                one.uuid,
                add=[name] if adds else [],
                remove=[] if adds else [name],
                source=None,
                target=NOTHING_ACCEPTED,
                watch=self.rig.watch,
                ask=Answers(),
            )
        one.tags = one.tags | {name} if adds else one.tags - {name}
        assert line.tags == tuple(sorted(one.tags))

    @rule(computer=computers)
    def lose_the_catalog(self, computer: str) -> None:
        self.use(computer)
        self.rig.forget("catalog.db")

    @rule(computer=computers)
    def plan_what_could_go(self, computer: str) -> None:
        self.use(computer)
        with self.rig.open("compact") as home:
            asked = CompactOptions(Bounds(max_unused=0.0))
            report = compact(home, str(self.rig.target), asked, watch=self.rig.watch, ask=Answers())
        needed = sum(one.live for one in (*report.plan.kept, *report.plan.rewritten))
        assert needed + report.plan.freed == sum(path.stat().st_size for path in self.rig.sectors())

    @rule(computer=computers, data=st.data())
    def restore(self, computer: str, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.kept), label="restored")
        self.use(computer)
        self.rig.assert_restores(one.tree, at=one.uuid)

    @invariant()
    def what_is_kept_is_listed(self) -> None:
        if self.kept:
            lines = self.rig.list_all()
            assert [(line.uuid.hex(), set(line.tags)) for line in lines] == [(one.uuid, one.tags) for one in self.kept]
            assert all(line.whole for line in lines)

    def drop(self, computer: str, options: ForgetOptions) -> None:
        self.use(computer)
        with self.rig.open("forget") as home:
            forget(home, str(self.rig.target), options, watch=self.rig.watch, ask=Answers())


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Retention,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_two_hundred_steps() -> None:
    run(10, 20)


@pytest.mark.soak
def test_ten_thousand_steps() -> None:
    run(250, 40)
