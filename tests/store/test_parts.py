"""Objects in parts, on a store that fails as a test wants it."""

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from bakup.errors import BakupError, NoAnswer, StoreError
from bakup.store import parts as module
from bakup.store import patience as patience_module
from bakup.store import remote as remote_module
from bakup.store.backend import Page, Upload
from bakup.store.patience import Patience
from bakup.store.remote import RemoteTarget
from bakup.store.secrets import Secrets
from bakup.store.target import AtOnce, Capabilities
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
