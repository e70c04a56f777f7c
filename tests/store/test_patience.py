"""Retries: what is asked again, for how long, and what is told."""

import threading
import time
from collections.abc import Callable

import pytest

from bakup.errors import BakupError, NoAnswer, NoTarget
from bakup.store.remote import patience as module
from bakup.store.remote.patience import Patience
from bakup.store.url.secrets import Secrets
from bakup.store.wire import Wire

Told = list[tuple[str, dict[str, object]]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def make(told: Told, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Patience]:
    monkeypatch.setattr(module, "_FIRST_DELAY_S", 0.01)

    def patience(seconds: float = 30, wire: Wire | None = None) -> Patience:
        secrets = Secrets({"password": "hunter22"})
        return Patience("s3://b", seconds, wire or Wire(), secrets, lambda name, **facts: told.append((name, facts)))

    return patience


class Store:
    """Raises what it is given, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_asks_again_until_it_answers(make: Callable[..., Patience], told: Told) -> None:
    store = Store(ConnectionResetError("reset"), TimeoutError(), ConnectionError("gone"))
    assert make().ask(store) == "answer"
    assert store.asked == 4
    assert [name for name, _ in told] == ["no-answer"] * 3 + ["answer"]
    assert [facts["attempt"] for _, facts in told] == [2, 3, 4, 4]
    assert told[0][1]["target"] == "s3://b"


@pytest.mark.parametrize("error", [PermissionError("no"), FileNotFoundError("x"), ValueError("odd")])
def test_what_no_retry_helps_is_told_at_once(make: Callable[..., Patience], error: Exception) -> None:
    store = Store(error)
    with pytest.raises(BakupError) as caught:
        make().ask(store)
    assert store.asked == 1
    assert not caught.value.retry_may_help


@pytest.mark.parametrize("error", [FileExistsError("x"), ImportError("x")])
def test_what_is_no_fault_passes(make: Callable[..., Patience], error: Exception) -> None:
    with pytest.raises(type(error)):
        make().ask(Store(error))


def test_patience_ends(make: Callable[..., Patience]) -> None:
    patience = make(0.3)
    patience.ask(Store())
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match=r"no answer from s3://b for \d+ s: gone") as caught:
        patience.ask(Store(*[ConnectionError("gone")] * 1000))
    assert 0.25 < time.monotonic() - begun < 3
    assert caught.value.exit_code == 1
    assert "goes on where it stopped" in caught.value.hints[0]


def test_a_store_that_never_answered_is_given_up_soon(
    make: Callable[..., Patience], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_S", 0.2)
    with pytest.raises(NoAnswer) as caught:
        make(600).ask(Store(*[ConnectionError("gone")] * 1000))
    assert "is the address right" in caught.value.hints[0]


def test_delays_grow_and_are_spread(make: Callable[..., Patience], monkeypatch: pytest.MonkeyPatch) -> None:
    ceilings: list[float] = []

    def uniform(least: float, most: float) -> float:
        assert least == 0
        ceilings.append(most)
        return 0

    monkeypatch.setattr(module.random, "uniform", uniform)
    make(600).ask(Store(*[ConnectionError("gone")] * 14))
    assert ceilings[:4] == [0.01, 0.02, 0.04, 0.08]
    assert max(ceilings) <= 20


def test_the_end_of_a_run_ends_a_wait(make: Callable[..., Patience]) -> None:
    wire = Wire()
    threading.Timer(0.1, wire.cut).start()
    begun = time.monotonic()
    with pytest.raises(BakupError, match="cut off"):
        make(600, wire).ask(Store(*[ConnectionError("gone")] * 1_000_000))
    assert time.monotonic() - begun < 2


def test_no_secret_in_what_is_told(make: Callable[..., Patience], told: Told) -> None:
    with pytest.raises(NoTarget) as caught:
        make().ask(Store(ConnectionError("bad hunter22"), PermissionError("user ana, password HUNTER22")))
    assert "hunter22" not in f"{caught.value} {caught.value.message} {told}".lower()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
