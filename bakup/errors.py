"""The exception tree.

    BakupError
    ├── Failed            1    nothing wrong was written
    ├── Usage             2    a choice that only the user can make
    ├── NoSource         10    a known source of which nothing is left
    ├── NoTarget         10    the target is not there or denies access
    │   └── StoreError   10    an answer of the store
    │       ├── NoAnswer  1    the store did not answer, or wants to be asked later: a retry may help
    │       └── Withheld 10    one object is not given; what else is there may well be
    ├── Locked           11    another run holds this BAKUP_HOME
    ├── WrongAccount     12    wrong account, words or passphrase
    ├── Damaged          21    bytes that are not what they claim to be
    │   ├── Truncated    21    fewer bytes than claimed
    │   └── Beyond       21    a check point that only a newer bakup understands
    ├── Untrusted        22    signed by nobody we believe, unsigned, or plain unasked
    │   └── Foreign      22    another account's: not ours, not damage
    └── History          23    a check point is missing, rolled back or forked

Class attributes give the exit code (docs/exit-codes.md) and whether a retry may help.
Messages are lower case, name the object, and have no full stop.
"""

from __future__ import annotations

import shlex
import sys
from typing import ClassVar


class BakupError(Exception):
    """What a user is told: `message`, indented `details`, `hints` (each a whole line), and a stable `code`.

    Args:
        message: one line after `error: `; may hold further lines, which are indented.
        hints: what can be done; a command stands last on its line or alone on the next.
        details: rows under the message; bytes cells are paths, str cells stand as they are.
        code: for programs, in `--json`; never renamed.
    """

    exit_code: ClassVar[int] = 1
    retry_may_help: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hints: tuple[str, ...] = (),
        details: tuple[tuple[str | bytes, ...], ...] = (),
        code: str = "failed",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.details = details
        self.code = code


class Failed(BakupError):
    """The work could not be done; nothing wrong was written."""


class Usage(BakupError):
    """A wrong call, or a choice that only the user can make."""

    exit_code = 2


class NoSource(BakupError):
    """Nothing is left of a source that held something: it is not mounted, or was emptied on purpose."""

    exit_code = 10


class NoTarget(BakupError):
    """The target is not there, is not mounted, or denies access."""

    exit_code = 10


class StoreError(NoTarget):
    """A store answered with an error."""


class NoAnswer(StoreError):
    """The store did not answer, broke off, or wants to be asked later."""

    exit_code = 1
    retry_may_help = True


class Withheld(StoreError):
    """The store does not give one object: archived, another owner's, under another key. Others it may give.

    Args:
        name: of the object, as messages show it.
        why: in lower case.
    """

    def __init__(self, name: str, why: str, *, code: str) -> None:
        super().__init__(f"{name}: {why}", code=code)
        self.name = name

    @property
    def why(self) -> str:
        """The message without the object's name."""
        return self.message.removeprefix(f"{self.name}: ")


class Locked(BakupError):
    """Another run on this BAKUP_HOME did not end in time."""

    exit_code = 11


class WrongAccount(BakupError):
    """Wrong account, words or passphrase."""

    exit_code = 12


class Damaged(BakupError):
    """Bytes are not what they claim to be."""

    exit_code = 21


class Truncated(Damaged):
    """There are fewer bytes than claimed."""


class Beyond(Damaged):
    """A check point says something that must be understood, and is not."""


class Untrusted(BakupError):
    """Not signed by the account or a writer it certified; or unsigned, or plain, and not asked for."""

    exit_code = 22


class Foreign(Untrusted):
    """Another account's sector."""


class History(BakupError):
    """A check point is missing, rolled back or forked."""

    exit_code = 23


def install(package: str) -> str:
    """The hint that brings a package, quoted for the shell, to the Python that runs this."""
    return f"bring it to the Python of this bakup: {shlex.quote(sys.executable)} -m pip install {package}"
