"""How one store is spoken to: every request counted, held to a rate, and made again while that may help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from bakup.store.counting import Counts
from bakup.store.remote.patience import Patience
from bakup.store.target import Terms
from bakup.store.url.secrets import Secrets
from bakup.store.wire import Request, Wire

Result = TypeVar("Result")


class Line:
    """The line to one store. Safe for several threads.

    Args:
        url: of the store, as it is shown.
        options: the store's own, whose secrets are kept out of messages.
        terms: how it is spoken to.

    `beside` asks the store as a whole, once it is known how: see `Patience.ask`.
    """

    def __init__(self, url: str, options: Mapping[str, object], terms: Terms) -> None:
        self.wire = Wire(terms.upload, terms.download)
        self.beside: Callable[[], object] | None = None
        self.patience = Patience(url, terms.patience, self.wire, Secrets(options), terms.tell)

    @property
    def counts(self) -> Counts:
        """What was asked so far, retries with it."""
        return self.wire.counts

    def ask(self, kind: Request, request: Callable[[], Result], key: str | None = None) -> Result:
        """What `request` gives, each try counted as a `kind`; `key` is the object as messages name it.

        Raises as `Patience.ask`.
        """

        def counted() -> Result:
            self.wire.count(kind)
            return request()

        return self.patience.ask(counted, key, self.beside if kind in ("heads", "reads") else None)
