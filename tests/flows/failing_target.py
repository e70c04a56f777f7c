"""A target at which a run comes to its end."""

from __future__ import annotations

from bakup.store.target import Target


class Cut(BaseException):
    """The run ends here, as by a kill: nobody handles it."""


class FailingTarget:
    """Passes all to a real target, until a put fails before or after the sector is there."""

    def __init__(self, inner: Target, when: str, number: int, error: BaseException) -> None:
        self._inner = inner
        self._when = when
        self._number = number
        self._error = error

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def put_new(self, name: str, spool: str) -> str:
        self._number -= 1
        if self._number == 0 and self._when == "before":
            raise self._error
        locator = self._inner.put_new(name, spool)
        if self._number == 0:
            raise self._error
        return locator
