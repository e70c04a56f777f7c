"""How a function becomes a command: bundles of options are laid flat for the parser."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from typer._click.globals import get_current_context

from bakup.cli.parsing.options import Everywhere
from bakup.cli.running import Run, guarded
from bakup.errors import BakupError
from bakup.store.url.secrets import Place


@dataclass(frozen=True, slots=True)
class Command:
    """A command: `name` may be several words; `text` says what it does and what it never does."""

    name: str
    short: str
    text: str
    examples: tuple[str, ...]
    callback: Callable[..., int]


def command(name: str, *, short: str, text: str, examples: tuple[str, ...]) -> Callable[..., Command]:
    """Make a command of a function `(run, arguments and bundles) -> exit code`.

    A parameter whose type is a dataclass of options stands for all of them; `Everywhere` is always there.
    """

    def decorate(function: Callable[..., int]) -> Command:
        return Command(name, short, text.strip("\n"), examples, _flat(name, function))

    return decorate


def _flat(name: str, function: Callable[..., int]) -> Callable[..., int]:
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    bundles = {p.name: p.annotation for p in parameters if is_dataclass(p.annotation)}

    def callback(**values: Any) -> int:
        run = Run(name, _bundle(Everywhere, values), _typed())
        run.places = _places(values)
        arguments = {key: _bundle(bundle, values) for key, bundle in bundles.items()}
        return guarded(run, lambda: function(run, **arguments, **values))

    flat = [q for p in parameters for q in (_fields(p.annotation) if p.name in bundles else [p])]
    keywords = [p.replace(kind=p.KEYWORD_ONLY) for p in [*flat, *_fields(Everywhere)]]
    callback.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    callback.__name__ = function.__name__
    callback.__annotations__ = {}
    return callback


def _typed() -> tuple[str, ...]:
    """The arguments of this call, as `bakup.cli.app` hands them on."""
    context = get_current_context(silent=True)
    typed: tuple[str, ...] = context.obj or () if context else ()
    return typed


def _places(values: dict[str, Any]) -> dict[str, str]:
    """What the log says at the begin: SRC and DST, without user info."""
    given = {"source": values.get("sources") or (), "target": [values["dst"]] if values.get("dst") else ()}
    with suppress(BakupError):  # it is refused, and told, when it is used
        return {name: " ".join(map(Place, places)) for name, places in given.items() if places}
    return {}


def _fields(bundle: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(bundle, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=hints[field.name])
        for field in fields(bundle)
    ]


def _bundle(bundle: Any, values: dict[str, Any]) -> Any:
    """Takes its fields out of `values`."""
    return bundle(**{field.name: values.pop(field.name) for field in fields(bundle)})
