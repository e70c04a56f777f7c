"""A run that is cut off anywhere leaves earlier check points whole, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
from plain import Plain
from trees import noise, snapshot, write

from bakup.archive import opening
from bakup.layouts.atbak import transfer
from bakup.store.opening import open_target
from bakup.store.target import Target

T = TypeVar("T")


class Cut(BaseException):
    """The run ends here, as by a kill: nobody handles it."""


class FailingTarget:
    """Passes all to a real target, until the put with this number is cut, before or after it."""

    def __init__(self, inner: Target, number: int, after: bool) -> None:
        self._inner = inner
        self._number = number
        self._after = after

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def put_new(self, name: str, spool: str) -> str:
        return self._cut(lambda: self._inner.put_new(name, spool))

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[str]:
        return self._cut(lambda: self._inner.put_all(objects))

    def _cut(self, put: Callable[[], T]) -> T:
        self._number -= 1
        if self._number == 0 and not self._after:
            raise Cut
        found = put()
        if self._number == 0:
            raise Cut
        return found


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", [1, 2, 4, 6])
def test_a_put_that_is_cut(plain: Plain, monkeypatch: pytest.MonkeyPatch, number: int, after: bool) -> None:
    monkeypatch.setattr(transfer, "BATCH_OBJECTS", 3)
    write(plain.source, {"before": b"before"})
    plain.sync()
    earlier, first = snapshot(plain.source), plain.list()[0].uuid.hex()
    write(plain.source, {f"{count:02}": noise(2000, count) for count in range(14)})

    def failing(place: str, **more: object) -> object:
        return FailingTarget(open_target(place), number, after)

    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_target", failing)
        with pytest.raises(Cut):
            plain.sync()
    assert not list(plain.target.glob(".bakup-spool/*/*.atbak*"))
    plain.assert_restores(earlier, at=first)
    there = {path: path.stat().st_mtime_ns for path in plain.objects()}
    plain.sync()
    wanted = snapshot(plain.source)
    plain.assert_restores(wanted)
    assert there.items() <= {path: path.stat().st_mtime_ns for path in plain.objects()}.items()
    assert len(plain.objects()) == 15 + 2, "each file once"
    assert len(plain.list()) == 2, "nothing is loose any more"
    plain.new_home("elsewhere")
    plain.assert_restores(wanted)
    plain.assert_restores(earlier, at=first)
    report = plain.check(read_data=True)
    assert (report.exit_code, report.checkpoints) == (0, 2)
