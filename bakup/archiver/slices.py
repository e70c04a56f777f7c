"""One source of a run that stores by many hands: its plan is given out in slices, and what comes of them added up."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bakup.archiver.hands import ATTEMPTS, Hand, Hands, Slice, SliceStored
from bakup.archiver.scanning import Job
from bakup.archiver.storing import Counted, Stored
from bakup.catalog import recording
from bakup.errors import Failed
from bakup.layouts.checkpoint_writer import Outcome
from bakup.layouts.interface import Begun, Host, Sink

if TYPE_CHECKING:
    import sqlite3

    from bakup.api.watch import Watch


class SlicedStoring:
    """Carries out the plan of one source by workers. Has what `SourceStoring` has.

    Lane 0 is this process's own and stays empty. `path`: what was read last, anywhere.
    """

    def __init__(
        self,
        job: Job,
        begun: Begun,
        sink: Sink,
        host: Host,
        hands: Hands,
        watch: Watch,
        on_progress: Callable[[], None],
    ) -> None:
        self.path = b""
        self._job = job
        self._begun = begun
        self._sink = sink
        self._host = host
        self._hands = hands
        self._watch = watch
        self._on_progress = on_progress
        number = hands.jobs.index(job)
        self._todo = deque(Slice(number, batch, 1 + ATTEMPTS * batch) for batch in range(job.spool.batches))
        self._stored: dict[int, SliceStored] = {}
        self._files = self._bytes = 0
        self._told = 0
        self._bereaved = False

    @property
    def done_files(self) -> int:
        """Files that are read."""
        return self._files + sum(hand.files for hand in self._hands.hands)

    @property
    def done_bytes(self) -> int:
        """Bytes of them."""
        return self._bytes + sum(hand.bytes for hand in self._hands.hands)

    def store(self, rows: sqlite3.Connection) -> Stored:
        """All of it, to the END of the check point."""
        for hand in self._hands.hands:
            hand.stored = []
            self._give(hand)
        for hand, message in self._hands.messages():
            if message is None:
                self._lost(hand, rows)
            else:
                self._heard(hand, *message)
            if self._over() and not self._orphaned(rows):
                break
        stored = self._added_up()
        self._sink.finish()
        lanes = [one.lane for _, one in sorted(self._stored.items()) if one.lane is not None]
        self._host.list_lanes(self._begun, lanes)
        self._sink.end(stored.files, stored.size)
        return stored

    def _heard(self, hand: Hand, name: str, *facts: Any) -> None:
        match name:
            case "slice":
                hand.waiting = True
                self._give(hand)
            case "progress":
                hand.files, hand.bytes, self.path = facts
                self._on_progress()
            case "done":
                self._done(hand, *facts)
            case "event":
                event, told = facts
                self._watch.event(event, **told)
            case "flushed":
                hand.flushed = True
            case "failed":
                raise facts[0]
            case _:
                answer = self._host.serve(hand.number, (name, *facts))
                if answer is not None:
                    self._hands.send(hand, answer)

    def _give(self, hand: Hand) -> None:
        """What a worker that waits is to do next: a slice, or to store what it has; else it goes on waiting."""
        if not hand.waiting:
            return
        if self._todo:
            hand.slice, hand.waiting, hand.flushed = self._todo.popleft(), False, False
            self._hands.send(hand, (hand.slice, self._begun))
        elif not hand.flushed:
            hand.waiting = False
            self._hands.send(hand, None)

    def _done(self, hand: Hand, stored: SliceStored) -> None:
        hand.slice, hand.files, hand.bytes = None, 0, 0
        hand.stored.append((stored.slice, stored.sectors))
        self._stored[stored.slice.batch] = stored
        self._files += stored.files
        self._bytes += stored.bytes
        while (first := self._stored.get(self._told)) is not None:
            for mark, path, size in first.paths:
                self._watch.path(mark, path, size)
            first.paths = []
            self._told += 1

    def _over(self) -> bool:
        return not self._todo and all(hand.waiting and hand.flushed for hand in self._hands.hands)

    def _lost(self, hand: Hand, rows: sqlite3.Connection) -> None:
        """A worker died: its slices go to others, but for those that are at the target whole."""
        self._bereaved = True
        self._watch.event("worker-lost", process=hand.pid)
        self._host.lost(hand.number)
        again = [one for one, sectors in hand.stored if not sectors <= self._host.stored and self._stands(one)]
        for one in (*again, *((hand.slice,) if hand.slice else ())):
            self._again(one, rows)
        if not self._hands.hands:
            hint = "were they killed, or out of memory? run the same command again"
            raise Failed("the processes that store files ended before their time", hints=(hint,), code="worker")
        for other in self._hands.hands:
            self._give(other)

    def _stands(self, one: Slice) -> bool:
        stored = self._stored.get(one.batch)
        return stored is not None and stored.slice == one

    def _again(self, one: Slice, rows: sqlite3.Connection) -> None:
        lane = one.lane + 1
        if lane % ATTEMPTS == 1:
            raise Failed("processes that store files end again and again", code="worker")
        if (stored := self._stored.pop(one.batch, None)) is not None:
            self._files -= stored.files
            self._bytes -= stored.bytes
        first, last = self._keys(one.batch)
        recording.drop_entries(rows, self._begun.row, self._begun.source, self._begun.ordinal, first, last)
        self._todo.appendleft(Slice(one.job, one.batch, lane))

    def _orphaned(self, rows: sqlite3.Connection) -> bool:
        """Whether entries refer to chunks that a worker claimed and took with it; their slices are stored again."""
        if not self._bereaved:
            return False
        # What is stored again refers to what is there: unless one more dies, once is enough.
        self._bereaved = False
        keys = self._host.orphans(self._begun)
        if keys:
            firsts = [self._keys(batch)[0] for batch in range(self._job.spool.batches)]
            for batch in {bisect_right(firsts, key) - 1 for key in keys}:
                self._again(self._stored[batch].slice, rows)
            for hand in self._hands.hands:
                self._give(hand)
        return bool(keys)

    def _keys(self, batch: int) -> tuple[bytes, bytes]:
        items = self._job.spool.batch(batch)
        return items[0].path.replace(b"/", b"\0"), items[-1].path.replace(b"/", b"\0")

    def _added_up(self) -> Stored:
        read, counted = Outcome(), Counted()
        for _, one in sorted(self._stored.items()):
            read.add(one.read)
            counted.add(one.counted)
        return Stored(self._job, self._begun, read, counted)
