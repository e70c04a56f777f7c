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

from bakup.errors import BakupError, NoAnswer
from bakup.store.answers import meaning
from bakup.store.secrets import Secrets
from bakup.store.wire import Wire

Result = TypeVar("Result")

FIRST_S = 20.0
"""Patience with a store that never answered in this run: its address may be wrong."""
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

    def ask(self, request: Callable[[], Result], key: str | None = None) -> Result:
        """What `request` gives; it is made again as long as a retry may help.

        FileExistsError and ImportError pass. Raises NoAnswer when patience ends, else what `answers.meaning` says.
        """
        attempt, silent_since = 1, 0.0
        while True:
            self._wire.wait(0)
            try:
                found = request()
            except (FileExistsError, ImportError):
                raise
            except Exception as error:
                self._wire.wait(0)
                known = self._secrets.hidden(meaning(error, self._url, key))
                if not known.retry_may_help:
                    self._answered.set()
                    raise known from None
                silent_since = silent_since or time.monotonic()
                self._rest(known, attempt, silent_since)
                attempt += 1
            else:
                self._answered.set()
                if attempt > 1:
                    self._tell("answer", target=self._url, s=_since(silent_since), attempt=attempt)
                return found

    def _rest(self, error: BakupError, attempt: int, silent_since: float) -> None:
        most = self._seconds if self._answered.is_set() else min(self._seconds, FIRST_S)
        left = most - (time.monotonic() - silent_since)
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
            else ("is the address right, and the network there?",),
            code="no-answer",
        )

    def _cause(self, error: BakupError) -> str:
        return error.message.removeprefix(f"{self._url}: ")


def _since(moment: float) -> float:
    return round(time.monotonic() - moment, 1)
