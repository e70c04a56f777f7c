"""Every hint of the sources, found by their syntax: what is given as `hint=`, `hints=`, or to `.hint` and `.advice`.

A hint is known by its template: its text with `{}` where a value stands.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

BAKUP = Path(__file__).parents[2] / "bakup"
_NAMES = frozenset({"hint", "hints"})
_TELLERS = frozenset({"hint", "advice"})


def hints() -> dict[str, str]:
    """Templates, each with the place that it is given at. Raises AssertionError for one that cannot be read."""
    modules = [_Module(file, ast.parse(file.read_text())) for file in sorted(BAKUP.rglob("*.py"))]
    reading = _Reading(modules)
    found: dict[str, str] = {}
    for module in modules:
        for scope, expression in _given(module.tree, None):
            place = f"{module.file.relative_to(BAKUP.parent)}:{expression.lineno}"
            for template in reading.texts(expression, module, scope):
                found.setdefault(template, place)
    return found


@dataclass(frozen=True)
class _Module:
    file: Path
    tree: ast.Module


_Scope = ast.FunctionDef | None
_Part = tuple[ast.expr, _Module, _Scope]


def _given(node: ast.AST, scope: _Scope) -> Iterator[tuple[_Scope, ast.expr]]:
    """Expressions that are hints, each with the function that it stands in."""
    scope = node if isinstance(node, ast.FunctionDef) else scope
    if isinstance(node, ast.Call):
        yield from ((scope, keyword.value) for keyword in node.keywords if keyword.arg in _NAMES)
        if isinstance(node.func, ast.Name) and node.func.id == "Problem":
            yield from ((scope, argument) for argument in node.args[3:4])
        if isinstance(node.func, ast.Attribute) and node.func.attr in _TELLERS:
            yield from ((scope, argument) for argument in node.args)
    for child in ast.iter_child_nodes(node):
        yield from _given(child, scope)


class _Reading:
    """What an expression may be, over all modules."""

    def __init__(self, modules: list[_Module]) -> None:
        self._modules = modules

    def texts(
        self, node: ast.expr, module: _Module, scope: _Scope, on_the_way: frozenset[ast.expr] = frozenset()
    ) -> Iterator[str]:
        """The templates of an expression."""
        if node in on_the_way:  # `hints = hints or ...`
            return
        on_the_way |= {node}
        match node:
            case ast.Constant(value=str(text)):
                yield from [text] if text else []
            case ast.JoinedStr(values=values):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in values)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                before, after = (list(self.texts(one, module, scope, on_the_way)) for one in (left, right))
                yield from ("".join(pair) for pair in product(before, after))
            case _:
                for part in self._parts(node, module, scope):
                    yield from self.texts(*part, on_the_way)

    def _parts(self, node: ast.expr, module: _Module, scope: _Scope) -> Iterator[_Part]:
        match node:
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.BoolOp(values=parts) | ast.Dict(values=parts):
                yield from ((part, module, scope) for part in parts)
            case ast.IfExp(body=one, orelse=other):
                yield from ((one, module, scope), (other, module, scope))
            case ast.Starred(value=part) | ast.Subscript(value=part) | ast.ListComp(elt=part):
                yield part, module, scope
            case ast.GeneratorExp(elt=part) | ast.Call(func=ast.Attribute(attr="get", value=part)):
                yield part, module, scope
            case ast.Name(id=name):
                yield from self._named(name, module, scope)
            case ast.Call(func=ast.Name(id="tuple" | "list" | "sorted"), args=parts):
                yield from ((part, module, scope) for part in parts)
            case ast.Call(func=ast.Attribute(attr="fromkeys"), args=[*_, part]):
                yield part, module, scope
            case ast.Call(func=ast.Name(id=name)):
                yield from self._returned(name, module)
            case ast.Constant(value=None) | ast.Attribute(attr="hints"):  # those of an error were found at its making
                return
            case _:
                raise AssertionError(f"a hint that cannot be read: {ast.unparse(node)} in {module.file}")

    def _named(self, name: str, module: _Module, scope: _Scope) -> Iterator[_Part]:
        """What is put into a name: in its function, else in its module, else where it is imported from."""
        own = [(value, module, scope) for value in _put(name, scope)] if scope else []
        own = own or [(value, module, None) for value in _put(name, module.tree, deep=False)]
        yield from own or (
            (value, one, None) for one in self._imported(name, module) for value in _put(name, one.tree, deep=False)
        )

    def _returned(self, name: str, module: _Module) -> Iterator[_Part]:
        """What a function gives back: one of its module, else of where it is imported from."""
        for one in [module, *self._imported(name, module)]:
            found = [node for node in one.tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
            for function in found:
                for node in ast.walk(function):
                    if isinstance(node, ast.Return) and node.value is not None:
                        yield node.value, one, function

    def _imported(self, name: str, module: _Module) -> list[_Module]:
        sources = {
            node.module.replace(".", "/") + ".py"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom) and node.module and any(alias.name == name for alias in node.names)
        }
        return [one for one in self._modules if str(one.file.relative_to(BAKUP.parent)) in sources]


def _put(name: str, tree: ast.AST, *, deep: bool = True) -> Iterator[ast.expr]:
    """Expressions that are put into `name`."""
    for node in ast.walk(tree) if deep else ast.iter_child_nodes(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                yield value
            case ast.Call(func=ast.Attribute(attr="append", value=ast.Name(id=found)), args=[value]) if found == name:
                yield value
            case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
                yield value
