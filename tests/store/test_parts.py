"""Objects in parts, on a store that fails as a test wants it."""

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from bakup.errors import BakupError, NoAnswer, StoreError
from bakup.store.backend import Page, Upload
from bakup.store.remote import parts as module
from bakup.store.remote import patience as patience_module
from bakup.store.remote import remote as remote_module
from bakup.store.remote.patience import Patience
from bakup.store.remote.remote import RemoteTarget
from bakup.store.target import AtOnce, Capabilities
from bakup.store.url.secrets import Secrets
from bakup.store.wire import Body, Wire

PART = 1000


class Parts:
    """A store in memory that takes parts. `faults`: errors by what is asked, in the order of asking."""

    capabilities = Capabilities(exclusive_create=True, atomic=True)
    in_order = False

    def __init__(self, wire: Wire) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.sent: list[int] = []
        self.faults: dict[str, list[Exception | None]] = {}
        self.at_once = self.most_at_once = 0
        self.wire = wire
        self.guard = threading.Lock()

    def fail(self, what: str) -> None:
        faults = self.faults.get(what)
        error = faults.pop(0) if faults else None
        if error is not None:
            raise error

    def exists(self) -> bool:
        return True

    def create(self) -> None:
        raise AssertionError("it is there")

    def page(self, after: str | None) -> Page:
        self.fail("page")
        keys = sorted(self.objects)
        at = 0 if after is None else int(after)
        more = str(at + 2) if at + 2 < len(keys) else None
        return [(key, len(self.objects[key])) for key in keys[at : at + 2]], more

    def size(self, key: str) -> int | None:
        return len(self.objects[key]) if key in self.objects else None

    def get(self, key: str, offset: int, length: int) -> bytes:
        self.fail("get")
        return self.objects[key][offset : offset + length]

    def put(self, key: str, body: Body) -> None:
        content = body.readall() or b""
        self.fail("put")
        if key in self.objects:
            raise FileExistsError(key)
        self.objects[key] = content
        self.fail("put-answer")

    def begin(self, key: str, size: int) -> Upload:
        self.fail("begin")
        self.uploads[key] = {}
        return Upload(key, size, "token")

    def part(self, upload: Upload, number: int, offset: int, body: Body) -> str:
        with self.guard:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(0.01)
            self.fail(f"part{number}")
            self.uploads[upload.key][number] = body.readall() or b""
            self.sent.append(number)
        finally:
            with self.guard:
                self.at_once -= 1
        return f"part {number}"

    def finish(self, upload: Upload, parts: Iterable[str]) -> None:
        self.fail("finish")
        if upload.key not in self.uploads:
            raise FileExistsError(upload.key)
        listed = list(parts)
        assert listed == [f"part {number}" for number in range(len(listed))]
        done = self.uploads.pop(upload.key)
        self.objects[upload.key] = b"".join(done[number] for number in range(len(listed)))
        self.fail("finish-answer")

    def abort(self, upload: Upload) -> None:
        self.uploads.pop(upload.key, None)

    def left(self, key: str) -> Iterable[Upload]:
        return [Upload(key, 0, "token")] if key in self.uploads else []

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", PART)
    monkeypatch.setattr(remote_module, "PART", PART)
    monkeypatch.setattr(patience_module, "_FIRST_DELAY_S", 0.01)


@pytest.fixture
def store() -> Parts:
    return Parts(Wire())


def target_of(store: Parts, patience: float = 5) -> RemoteTarget:
    asking = Patience("s3://b", patience, store.wire, Secrets({}), lambda *_, **__: None)
    return RemoteTarget("s3://b", store, store.wire, asking, AtOnce(packs=4))


def put(store: Parts, tmp_path: Path, content: bytes, patience: float = 5) -> None:
    spool = tmp_path / "spool"
    spool.write_bytes(content)
    target_of(store, patience).put_new("a.bakup", str(spool))
    assert not spool.exists()
    assert store.objects["a.bakup"] == content


def test_parts_go_up_at_once_and_in_their_order(store: Parts, tmp_path: Path) -> None:
    put(store, tmp_path, os.urandom(10 * PART + 7))
    assert sorted(store.sent) == list(range(11))
    assert 2 <= store.most_at_once <= 4
    assert (store.wire.counts.puts, store.wire.counts.put_bytes) == (13, 10 * PART + 7)


def test_parts_in_order(store: Parts, tmp_path: Path) -> None:
    store.in_order = True
    put(store, tmp_path, os.urandom(5 * PART))
    assert store.sent == list(range(5))
    assert store.most_at_once == 1


def test_a_part_that_is_up_is_not_sent_again(store: Parts, tmp_path: Path) -> None:
    store.faults = {"part3": [ConnectionResetError("reset"), TimeoutError()], "part5": [BrokenPipeError("pipe")]}
    put(store, tmp_path, os.urandom(8 * PART))
    assert sorted(store.sent) == list(range(8))
    assert store.wire.counts.puts == 8 + 3 + 2


@pytest.mark.parametrize("what", ["begin", "finish"])
def test_beginning_and_ending_are_asked_again(store: Parts, tmp_path: Path, what: str) -> None:
    store.faults = {what: [ConnectionResetError("reset")]}
    put(store, tmp_path, os.urandom(3 * PART))


def test_an_end_whose_answer_was_lost(store: Parts, tmp_path: Path) -> None:
    store.faults = {"finish-answer": [ConnectionResetError("reset")]}
    put(store, tmp_path, os.urandom(3 * PART))
    assert sorted(store.sent) == [0, 1, 2]


def test_a_whole_put_whose_answer_was_lost(store: Parts, tmp_path: Path) -> None:
    store.faults = {"put-answer": [ConnectionResetError("reset")]}
    put(store, tmp_path, os.urandom(PART // 2))


@pytest.mark.parametrize("error", [PermissionError("no"), ConnectionError("gone")])
def test_an_upload_that_fails_is_thrown_away(store: Parts, tmp_path: Path, error: Exception) -> None:
    store.faults = {"part2": [error] * 1000}
    spool = tmp_path / "spool"
    content = os.urandom(6 * PART)
    spool.write_bytes(content)
    with pytest.raises(BakupError) as caught:
        target_of(store, patience=0.2).put_new("a.bakup", str(spool))
    assert isinstance(caught.value, NoAnswer) == isinstance(error, ConnectionError)
    assert store.uploads == {}
    assert store.objects == {}
    assert store.wire.counts.deletes == 1
    assert spool.read_bytes() == content


def test_another_object_is_never_taken_for_ours(store: Parts, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.write_bytes(bytes(3 * PART))
    store.objects["a.bakup"] = b"x" * 3 * PART
    with pytest.raises(StoreError, match="another object") as caught:
        target_of(store).put_new("a.bakup", str(spool))
    assert caught.value.code == "object-exists"
    assert store.sent == []


def test_a_listing_goes_on_at_the_page_that_failed(store: Parts) -> None:
    store.objects = {f"{number}.bakup": bytes(number) for number in range(7)}
    store.faults = {"page": [None, None, ConnectionResetError("reset")]}
    target = target_of(store)
    assert list(target.list()) == [(f"{number}.bakup", number) for number in range(7)]
    assert target.counts.lists == 5


def test_names_that_no_target_gives_are_passed_over(store: Parts) -> None:
    store.objects = {"a.bakup": b"1", "b//c": b"2", "../d": b"3", "e/": b"4", ".bakup-half-1": b"5", "f/g": b"6"}
    assert list(target_of(store).list()) == [("a.bakup", 1), ("f/g", 1)]


def test_a_run_that_is_cut_off_waits_for_nothing(store: Parts, tmp_path: Path) -> None:
    store.faults = {"part1": [ConnectionError("gone")] * 100_000}
    spool = tmp_path / "spool"
    spool.write_bytes(bytes(3 * PART))
    patience = 600
    target = target_of(store, patience=patience)
    target.exists()
    threading.Timer(0.2, target.abort).start()
    begun = time.monotonic()
    with pytest.raises(StoreError, match="cut off"):
        target.put_new("a.bakup", str(spool))
    assert time.monotonic() - begun < patience / 10


class Spool:
    """A spool file that grows, and its object."""

    def __init__(self, store: Parts, tmp_path: Path, patience: float = 5) -> None:
        self.path = tmp_path / "spool"
        self.path.write_bytes(b"")
        self.content = b""
        growing = target_of(store, patience).growing("a.bakup", str(self.path))
        assert growing is not None
        self.object = growing

    def grow(self, size: int) -> None:
        self.content += os.urandom(size)
        self.path.write_bytes(self.content)
        self.object.grown(len(self.content))

    def end(self) -> None:
        self.content = b"header" + self.content[6:]
        self.path.write_bytes(self.content)
        self.object.grown(len(self.content), whole=True)


def sent_soon(store: Parts, numbers: list[int]) -> None:
    end = time.monotonic() + 5
    while sorted(store.sent) != numbers:
        assert time.monotonic() < end, store.sent
        time.sleep(0.01)


def test_parts_that_are_final_go_up_while_the_file_grows_and_the_first_one_last(store: Parts, tmp_path: Path) -> None:
    spool = Spool(store, tmp_path)
    spool.grow(2 * PART - 1)
    assert store.uploads == {}
    spool.grow(2 * PART)
    sent_soon(store, [1, 2])
    spool.grow(2 * PART)
    sent_soon(store, [1, 2, 3, 4])
    assert store.objects == {}
    spool.end()
    sent_soon(store, [0, 1, 2, 3, 4, 5])
    assert store.objects == {}
    assert spool.object.put() == "a.bakup"
    assert store.objects == {"a.bakup": spool.content}
    assert not spool.path.exists()
    assert (store.wire.counts.puts, store.wire.counts.put_bytes) == (8, len(spool.content))


def test_a_file_that_stays_small_is_put_whole(store: Parts, tmp_path: Path) -> None:
    spool = Spool(store, tmp_path)
    spool.grow(PART // 2)
    spool.end()
    spool.object.put()
    assert store.objects == {"a.bakup": spool.content}
    assert store.wire.counts.puts == 1


def test_growing_ends_with_what_a_part_came_to(store: Parts, tmp_path: Path) -> None:
    store.faults = {"part1": [PermissionError("no")]}
    spool = Spool(store, tmp_path)
    spool.grow(2 * PART)
    time.sleep(0.2)
    with pytest.raises(BakupError, match="denies access"):
        spool.grow(PART)


def test_an_object_that_cannot_be_finished_is_thrown_away(store: Parts, tmp_path: Path) -> None:
    store.faults = {"finish": [PermissionError("no")]}
    spool = Spool(store, tmp_path)
    spool.grow(3 * PART)
    spool.end()
    with pytest.raises(BakupError, match="denies access"):
        spool.object.put()
    assert store.uploads == store.objects == {}
    assert spool.path.read_bytes() == spool.content


def test_growing_never_replaces_an_object(store: Parts, tmp_path: Path) -> None:
    store.objects["a.bakup"] = b"another"
    spool = Spool(store, tmp_path)
    spool.grow(3 * PART)
    spool.end()
    with pytest.raises(StoreError, match="another object"):
        spool.object.put()
    assert store.objects == {"a.bakup": b"another"}


def test_stores_that_want_parts_in_order_get_none_before_the_end(store: Parts, tmp_path: Path) -> None:
    store.in_order = True
    assert target_of(store).growing("a.bakup", str(tmp_path / "spool")) is None


def test_what_a_dead_run_left_is_discarded_and_nothing_else(store: Parts) -> None:
    store.uploads = {"a.bakup": {1: b"1"}, "b.bakup": {1: b"2"}}
    store.objects = {"a.bakup": b"whole"}
    target_of(store).discard("a.bakup")
    assert store.uploads == {"b.bakup": {1: b"2"}}
    assert store.objects == {"a.bakup": b"whole"}
