"""What a target asks for besides the account's words."""

from __future__ import annotations

from typing import Final

from bakup.store.opening import is_url
from bakup.store.url.needed import needed

NOTHING: Final = "nothing: the drive and these words bring everything back"


def also_needed(place: str) -> str:
    """What brings a backup at `place` back besides the account's 24 words."""
    return needed(place) if is_url(place) else NOTHING
