"""A pass over a tree in a process of its own: it looks at paths while this one opens the target and compares.

The forked process holds nothing of this one but one end of a pipe. Through it come batches of paths in key order, and
at the end what the pass counted; one that ends without saying so has failed, and is never taken for a shorter tree.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from bakup.errors import Failed
from bakup.processes import leave_signals
from bakup.source.interface import Found, Left
from bakup.source.tree.filters import Rules
from bakup.source.tree.scan import Scan

BATCHES = 128
"""Batches that wait in the other process, about 110 KB each."""
PIPE_BYTES = 1 << 20
_HEAD = struct.Struct("<?I")
"""Whether it is the end, and the bytes that follow."""


class Ahead:
    """One pass, begun at once; has what `Scan` has.

    Args:
        base: absolute path of the root, links resolved.
        rules: what is left out; they have been found right.

    Raises:
        OSError: no other process can be made.
    """

    def __init__(self, base: bytes, rules: Rules) -> None:
        reads, writes = os.pipe()
        try:
            self._pid: int | None = os.fork()
        except OSError:
            os.close(reads)
            os.close(writes)
            raise
        if self._pid == 0:
            os.close(reads)  # here too, so that it learns when nobody reads any more
            _serve(writes, base, rules)
        os.close(writes)
        _widen(reads)
        self._pipe = open(reads, "rb", buffering=PIPE_BYTES)  # noqa: SIM115 - `close` does
        self.excluded: dict[str, Left] = {}
        self.vanished = 0
        self.missing: list[bytes] = []
        self.unmatched: list[str] = []

    def batches(self) -> Iterator[list[Found]]:
        """All paths in key order, as `Scan.batches` has them, and with its errors; once.

        Raises:
            Failed: the process ended before its time.
        """
        decoder = msgspec.msgpack.Decoder(list[Found])
        try:
            while True:
                end, data = self._message()
                if end:
                    break
                yield decoder.decode(data)
        finally:
            self.close()
        self.excluded, self.vanished, self.missing, self.unmatched, error = pickle.loads(data)  # noqa: S301 - our own process wrote it
        if error is not None:
            raise error

    def close(self) -> None:
        """End the process, if it has not ended by itself."""
        if self._pid is None:
            return
        self._pipe.close()
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._pid = None

    def _message(self) -> tuple[bool, bytes]:
        head = self._pipe.read(_HEAD.size)
        if len(head) == _HEAD.size:
            end, length = _HEAD.unpack(head)
            data = self._pipe.read(length)
            if len(data) == length:
                return end, data
        hint = "was it killed, or out of memory? run the same command again"
        raise Failed("the process that scans the source ended before its time", hints=(hint,), code="scan")


def _widen(pipe: int) -> None:
    import fcntl

    with suppress(OSError):  # more than this user may have
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _serve(pipe: int, base: bytes, rules: Rules) -> None:
    """The whole life of the other process."""
    code = 1
    try:
        leave_signals()
        _close_others(pipe)
        gc.disable()  # nothing here refers to itself
        messages: queue.Queue[bytes | None] = queue.Queue(BATCHES)
        sender = threading.Thread(target=_send, args=(pipe, messages), daemon=True)
        sender.start()
        for message in _messages(base, rules):
            messages.put(message)
        messages.put(None)
        sender.join()
        code = 0
    finally:
        os._exit(code)


def _close_others(pipe: int) -> None:
    """Let go of what the parent had open: a lock above all."""
    with suppress(FileNotFoundError):  # no /proc
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor > 2 and descriptor != pipe:
                with suppress(OSError):  # that of the listing
                    os.close(descriptor)


def _messages(base: bytes, rules: Rules) -> Iterator[bytes]:
    encoder = msgspec.msgpack.Encoder()
    counted: tuple[Any, ...] = ({}, 0, [], [])
    error: Exception | None = None
    try:
        scan = Scan(base, rules)
        for batch in scan.batches():
            data = encoder.encode(batch)
            yield _HEAD.pack(False, len(data)) + data
        counted = (scan.excluded, scan.vanished, scan.missing, scan.unmatched)
    except Exception as problem:
        error = problem
    data = pickle.dumps((*counted, error))
    yield _HEAD.pack(True, len(data)) + data


def _send(pipe: int, messages: queue.Queue[bytes | None]) -> None:
    try:
        while (message := messages.get()) is not None:
            left = memoryview(message)
            while left:
                left = left[os.write(pipe, left) :]
    except OSError:  # nobody reads any more
        os._exit(1)
