"""Asking again: how long, how often, and what is told of it.

Delays have full jitter (Brooker, "Exponential Backoff and Jitter", 2015): many machines that lost the same store
do not come back all at once.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from bakup.errors import BakupError, NoAnswer, Withheld
from bakup.store.faults import OBJECT_DENIED, OBJECT_REFUSED
from bakup.store.remote.answers import failed_inside, meaning
from bakup.store.url.secrets import Secrets
from bakup.store.wire import Wire

Result = TypeVar("Result")

FIRST_S = 18.0
"""Patience with a store that never answered in this run, from the first request on: its address may be wrong."""
ALONE_S = 8.0
"""After so long it is asked whether a server fails at one object only."""
BESIDE_S = 10.0
"""So long it holds that the store answered."""
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 20.0


class Patience:
    """Asks a store again while that may help.

    Args:
        url: of the target, as it is shown.
        seconds: how long a store may be silent.
        tell: is told `no-answer` with target, s, attempt, reason before each retry, `answer` when it answers again.
    """

    def __init__(self, url: str, seconds: float, wire: Wire, secrets: Secrets, tell: Callable[..., None]) -> None:
        self._url = url
        self._seconds = seconds
        self._wire = wire
        self._secrets = secrets
        self._tell = tell
        self._answered = threading.Event()
        self._beside_at = -BESIDE_S

    def ask(
        self,
        request: Callable[[], Result],
        key: str | None = None,
        beside: Callable[[], object] | None = None,
        *,
        answers: bool = True,
    ) -> Result:
        """What `request` gives; it is made again as long as a retry may help.

        What is said of one object is asked of the store as a whole too, by `beside`: what that raises counts more.

        With `answers` False it says nothing of the store's being there: what is made may ask nobody.

        FileExistsError and ImportError pass. Raises NoAnswer when patience ends, else what `answers.meaning` says.
        """
        attempt, began, silent_since = 1, time.monotonic(), 0.0
        while True:
            self._wire.wait(0)
            tried = time.monotonic()
            try:
                found = request()
            except (FileExistsError, ImportError):
                raise
            except Exception as error:
                self._wire.wait(0)
                known = self._secrets.hidden(meaning(error, self._url, key))
                if not known.retry_may_help:
                    self._answered.set()
                    if beside is not None and known.code == OBJECT_DENIED:
                        self._ask_beside(beside)
                    raise known from None
                silent_since = silent_since or (time.monotonic() if self._answered.is_set() else began)
                if key and beside and self._alone(error, silent_since, beside):
                    raise self._secrets.hidden(Withheld(key, self._cause(known), code=OBJECT_REFUSED)) from None
                self._rest(known, attempt, silent_since, time.monotonic() - tried)
                attempt += 1
            else:
                if answers:
                    self._answered.set()
                if attempt > 1:
                    self._tell("answer", target=self._url, s=_since(silent_since), attempt=attempt)
                return found

    def _ask_beside(self, beside: Callable[[], object]) -> None:
        """Whether the store answers at all: not for each of many objects."""
        now = time.monotonic()
        if now - self._beside_at > BESIDE_S:
            self.ask(beside)
            self._beside_at = now

    def _alone(self, error: Exception, silent_since: float, beside: Callable[[], object]) -> bool:
        """Whether a server that fails at one object, again and again, answers all else."""
        if time.monotonic() - silent_since < min(ALONE_S, self._seconds / 2) or not failed_inside(error):
            return False
        try:
            beside()
        except Exception:
            return False
        return True

    def _rest(self, error: BakupError, attempt: int, silent_since: float, took: float) -> None:
        """Before the next try; the last one `took` so many seconds, and so long may the next."""
        left = self._seconds - (time.monotonic() - silent_since)
        if not self._answered.is_set():
            left = min(self._seconds, FIRST_S) - (time.monotonic() - silent_since) - took
        if left <= 0:
            raise self._given_up(error, silent_since) from None
        self._tell(
            "no-answer", target=self._url, s=_since(silent_since), attempt=attempt + 1, reason=self._cause(error)
        )
        ceiling = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(attempt - 1, 10))
        self._wire.wait(min(left, random.uniform(0, ceiling)))  # noqa: S311 - no secret, only spread

    def _given_up(self, error: BakupError, silent_since: float) -> NoAnswer:
        return NoAnswer(
            f"no answer from {self._url} for {time.monotonic() - silent_since:.0f} s: {self._cause(error)}",
            hints=("when it answers, run the same command again: it goes on where it stopped",)
            if self._answered.is_set()
            else error.hints or ("is the address right, and the network there?",),
            code="no-answer",
        )

    def _cause(self, error: BakupError) -> str:
        return error.message.removeprefix(f"{self._url}: ")


def _since(moment: float) -> float:
    return round(time.monotonic() - moment, 1)
