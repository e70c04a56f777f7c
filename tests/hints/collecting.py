"""Every hint of the sources, found by their syntax, whatever they are put together from.

A hint is what is given as `hint` or `hints`: by name or by place to a call, as the default of a parameter or a field,
to an attribute, in a table of `**`; what `.hint(...)` and `.advice(...)` tell; and any text that begins with `hint: `.
It is known by its template: its text with `{}` where a value stands. What cannot be read stops it.
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
_LABEL = "hint: "


def hints(package: Path = BAKUP) -> dict[str, str]:
    """Templates, each with the place that it is given at. Raises AssertionError for one that cannot be read."""
    modules = [_Module(file, ast.parse(file.read_text())) for file in sorted(package.rglob("*.py"))]
    reading = _Reading(package, modules)
    found: dict[str, str] = {}
    for module in modules:
        for scope, expression in reading.given(module.tree, None):
            place = f"{module.file.relative_to(package.parent)}:{expression.lineno}"
            for template in reading.texts(expression, module, scope):
                if template not in (_LABEL, _LABEL + "{}"):  # the label alone, before a hint that is found elsewhere
                    found.setdefault(template.removeprefix(_LABEL), place)
    return found


@dataclass(frozen=True)
class _Module:
    file: Path
    tree: ast.Module


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Scope = _Function | None
_Part = tuple[ast.expr, _Module, _Scope]


class _Reading:
    """What an expression may be, over all modules."""

    def __init__(self, package: Path, modules: list[_Module]) -> None:
        self._package = package
        self._modules = modules
        self._places: dict[str, set[int]] = {}
        for name, place in (found for one in modules for found in _places(one.tree)):
            self._places.setdefault(name, set()).add(place)

    def given(self, node: ast.AST, scope: _Scope) -> Iterator[tuple[_Scope, ast.expr]]:
        """Expressions that are hints, each with the function that it stands in."""
        scope = node if isinstance(node, _Function) else scope
        yield from ((scope, expression) for expression in self._at(node))
        for child in ast.iter_child_nodes(node):
            yield from self.given(child, scope)

    def _at(self, node: ast.AST) -> Iterator[ast.expr]:
        match node:
            case ast.Call(func=func, args=args, keywords=keywords):
                yield from (keyword.value for keyword in keywords if keyword.arg in _NAMES)
                for table in [keyword.value for keyword in keywords if isinstance(keyword.value, ast.Dict)]:
                    named = zip(table.keys, table.values, strict=True)
                    yield from (value for key, value in named if getattr(key, "value", None) in _NAMES)
                called = getattr(func, "id", None) or getattr(func, "attr", None)
                if isinstance(func, ast.Attribute) and called in _TELLERS:
                    yield from args
                else:
                    yield from (args[place] for place in self._places.get(str(called), ()) if place < len(args))
            case ast.Assign(targets=targets, value=value):
                yield from (value for target in targets if getattr(target, "attr", None) in _NAMES)
            case ast.AugAssign(target=ast.Attribute(attr=name), value=value) if name in _NAMES:
                yield value
            case ast.ClassDef(body=body):
                yield from (value for name in _NAMES for value in _put(name, body))
            case ast.arguments():
                yield from (default for name, default in _defaults(node) if name in _NAMES)
            case ast.Constant(value=str(text)) if text.startswith(_LABEL):
                yield node
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if text.startswith(_LABEL):
                yield node

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
                whole = ["".join(pair) for pair in product(before, after)]
                yield from whole if _is_text(left) or _is_text(right) else [*before, *after]
            case _:
                for part in self._parts(node, module, scope):
                    yield from self.texts(*part, on_the_way)

    def _parts(self, node: ast.expr, module: _Module, scope: _Scope) -> Iterator[_Part]:
        match node:
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
                yield from ((part, module, scope) for part in parts)
            case ast.Dict(values=parts):
                yield from ((part, module, scope) for part in parts)
            case ast.IfExp(body=one, orelse=other):
                yield from ((one, module, scope), (other, module, scope))
            case ast.Starred(value=part) | ast.Subscript(value=part) | ast.NamedExpr(value=part):
                yield part, module, scope
            case (
                ast.ListComp(elt=ast.Name(id=name), generators=generators)
                | ast.GeneratorExp(elt=ast.Name(id=name), generators=generators)
            ):
                each = [one.iter for one in generators if getattr(one.target, "id", None) == name]
                yield from ((part, module, scope) for part in each)
            case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.SetComp(elt=part):
                yield part, module, scope
            case ast.Call(func=ast.Attribute(attr="get" | "removeprefix" | "removesuffix" | "strip", value=part)):
                yield part, module, scope
            case ast.Call(func=ast.Attribute(attr="fromkeys"), args=[*_, part]):
                yield part, module, scope
            case ast.Call(func=ast.Attribute(attr="join"), args=[part]):
                yield part, module, scope
            case (
                ast.Call(func=ast.Name(id="map"), args=[_, part])
                | ast.Call(func=ast.Attribute(attr="complete"), args=[part])
            ):
                yield part, module, scope
            case ast.Call(func=ast.Name(id="tuple" | "list" | "sorted" | "str"), args=parts):
                yield from ((part, module, scope) for part in parts)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                yield from self._any(self._returned(name, module), node, module, known=False)
            case ast.Name(id=name):
                at_calls = name in _NAMES or (scope is not None and scope.name in _TELLERS)
                yield from self._any(self._named(name, module, scope), node, module, known=at_calls)
            case ast.Constant(value=None) | ast.Attribute(attr="hints"):  # those of an error were found at its making
                return
            case _:
                raise _unread(node, module)

    def _any(self, parts: Iterator[_Part], node: ast.expr, module: _Module, *, known: bool) -> Iterator[_Part]:
        """These parts; there must be one, unless what it is, a parameter, was found at the calls."""
        found = list(parts)
        if not found and not known:
            raise _unread(node, module)
        yield from found

    def _named(self, name: str, module: _Module, scope: _Scope) -> Iterator[_Part]:
        """What is put into a name: in its function, else in its module, else where it is imported from."""
        own = [(value, module, scope) for value in _put(name, [scope])] if scope else []
        own = own or [(value, module, None) for value in _put(name, module.tree.body, deep=False)]
        if not own and scope and name not in _NAMES:
            own = list(self._passed(name, scope, module))
        yield from own or (
            (value, one, None)
            for one in self._imported(name, module)
            for value in _put(name, one.tree.body, deep=False)
        )

    def _passed(self, name: str, function: _Function, module: _Module) -> Iterator[_Part]:
        """What calls in its module, and where it is imported, give as this parameter of a function."""
        names = [one.arg for one in [*function.args.posonlyargs, *function.args.args] if one.arg not in ("self", "cls")]
        if name not in names + [one.arg for one in function.args.kwonlyargs]:
            return
        for one in self._modules:
            if one is module or module in self._imported(function.name, one):
                for scope, call in _calls(one.tree, function.name):
                    place = names.index(name) if name in names else len(call.args)
                    given = [found.value for found in call.keywords if found.arg == name]
                    yield from ((value, one, scope) for value in given or call.args[place : place + 1])

    def _returned(self, name: str, module: _Module) -> Iterator[_Part]:
        """What a function or method gives back: one of its module, else of where it is imported from."""
        for one in [module, *self._imported(name, module)]:
            found = [node for node in ast.walk(one.tree) if isinstance(node, _Function) and node.name == name]
            for function in found:
                for node in ast.walk(function):
                    if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value is not None:
                        yield node.value, one, function

    def _imported(self, name: str, module: _Module) -> list[_Module]:
        froms = [node for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom) and node.module]
        folders = {node.module: node for node in froms if any(alias.name == name for alias in node.names)}
        sources = {f"{str(folder).replace('.', '/')}.py" for folder in folders}
        modules = {
            f"{node.module}/{alias.name}.py".replace(".", "/", str(node.module).count("."))
            for node in froms
            for alias in node.names
        }
        return [
            one
            for one in self._modules
            if (place := str(one.file.relative_to(self._package.parent))) in sources
            or (place in modules and any(getattr(node, "name", None) == name for node in one.tree.body))
        ]


def _unread(node: ast.expr, module: _Module) -> AssertionError:
    return AssertionError(f"a hint that cannot be read: {ast.unparse(node)} in {module.file}:{node.lineno}")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.Constant) or (
        isinstance(node, ast.BinOp) and (_is_text(node.left) or _is_text(node.right))
    )


def _places(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Classes and functions that take hints by place, and which place it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            fields = [one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and _is_name(one.target)]
            yield from ((node.name, place) for place, name in enumerate(fields) if name in _NAMES)
        elif isinstance(node, _Function):
            names = [one.arg for one in [*node.args.posonlyargs, *node.args.args] if one.arg not in ("self", "cls")]
            yield from ((node.name, place) for place, name in enumerate(names) if name in _NAMES)


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name)


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """Parameters that have a default, and it."""
    by_place = [*arguments.posonlyargs, *arguments.args]
    last = by_place[len(by_place) - len(arguments.defaults) :]
    yield from ((one.arg, value) for one, value in zip(last, arguments.defaults, strict=True))
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    yield from ((one.arg, value) for one, value in named if value is not None)


def _calls(node: ast.AST, name: str, scope: _Scope = None) -> Iterator[tuple[_Scope, ast.Call]]:
    """Calls of what bears this name, each with the function that it stands in."""
    scope = node if isinstance(node, _Function) else scope
    if isinstance(node, ast.Call) and name in (getattr(node.func, "id", None), getattr(node.func, "attr", None)):
        yield scope, node
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, name, scope)


def _put(name: str, nodes: list[ast.stmt] | list[_Function], *, deep: bool = True) -> Iterator[ast.expr]:
    """Expressions that are put into `name`."""
    for node in (inner for one in nodes for inner in (ast.walk(one) if deep else [one])):
        match node:
            case ast.Assign(targets=targets, value=value) if name in [getattr(one, "id", None) for one in targets]:
                yield value
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=found), value=value) if found == name:
                yield value
            case ast.Call(
                func=ast.Attribute(attr="append" | "extend" | "add", value=ast.Name(id=found)), args=[value]
            ) if found == name:
                yield value
            case ast.Call(func=ast.Attribute(attr="insert", value=ast.Name(id=found)), args=[_, value]) if (
                found == name
            ):
                yield value
            case ast.AugAssign(target=ast.Name(id=found), value=value) if found == name:
                yield value
            case ast.For(target=ast.Name(id=found), iter=value) if found == name:
                yield value
