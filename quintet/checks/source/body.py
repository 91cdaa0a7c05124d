"""Read the source of a function without running it."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections import ChainMap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache, partial
from itertools import starmap, takewhile
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Final

from quintet.checks.source.definition import Definition, definition, parameters
from quintet.checks.source.pruning import pruned
from quintet.checks.source.scope import assigned_in, bound_in, walk_scope

UNKNOWN: Final = object()
_IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """Read a function as it is written, with the objects that its free names stand for.

    `known` holds the values of parameters that are already bound, such as `self`. A `nested`
    one is defined inside `function`.
    """

    function: FunctionType
    tree: Definition
    known: Mapping[str, object] = field(default_factory=dict)
    nested: bool = False

    @property
    def annotations(self) -> Mapping[str, object]:
        """Map the parameters and `return` to their annotations; those of a nested one are left."""
        return {} if self.nested else self.function.__annotations__

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """List the statements that can run; the body of a lambda counts as a `return`."""
        return pruned(self._written, self._fixed_value)

    @cached_property
    def _written(self) -> list[ast.stmt]:
        if isinstance(self.tree, ast.Lambda):
            return [ast.copy_location(ast.Return(value=self.tree.body), self.tree.body)]
        return self.tree.body

    @cached_property
    def _whole(self) -> tuple[ast.AST, ...]:
        """List every syntax node of the function, including branches that never run."""
        return tuple(walk_scope(*self._written))

    def _fixed_value(self, expression: ast.expr) -> tuple[object] | None:
        """Return, in a tuple of one, a value that is fixed when the function is made."""
        root = expression
        while isinstance(root, ast.Attribute):
            root = root.value
        fixed = isinstance(root, ast.Constant) or (
            isinstance(root, ast.Name) and (root.id in self.captured or root.id in self.known)
        )
        value = self.resolve(expression) if fixed else UNKNOWN
        return None if value is UNKNOWN else (value,)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """List the syntax nodes that this function itself runs, nested functions left out."""
        return tuple(walk_scope(*self.statements))

    @property
    def is_async(self) -> bool:
        """Tell whether the function is a coroutine function."""
        return isinstance(self.tree, ast.AsyncFunctionDef)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """List the parameters that the caller fills, without those that are bound."""
        return tuple(name for name in parameters(self.tree) if name not in self.known)

    @cached_property
    def assignments(self) -> dict[str, list[ast.expr] | None]:
        """Map each local name to the expressions assigned to it; None if they cannot be listed."""
        stars = [star.arg for star in (self.tree.args.vararg, self.tree.args.kwarg) if star]
        assigned: dict[str, list[ast.expr] | None] = dict.fromkeys((*self.parameters, *stars))
        simple: set[int] = set()
        # Python decides by the whole text that a name is local, so that branches that never run
        # count as well.
        for node in self._whole:
            for target, value in assigned_in(node):
                simple.add(id(target))
                values = assigned.setdefault(target.id, [])
                if values is not None:
                    values.append(value)
        for node in self._whole:
            if id(node) not in simple and (name := bound_in(node)):
                assigned[name] = None
        return assigned

    def assigned(self, name: str) -> list[ast.expr]:
        """List the expressions assigned to a local name; empty if they cannot be listed."""
        return self.assignments.get(name) or []

    @cached_property
    def outside(self) -> Mapping[str, object]:
        """Map the names that the function sees outside itself to their objects."""
        imports = (node for node in self._whole if isinstance(node, _IMPORTS))
        local = {name: value for node in imports for name, value in _imported(node)}
        known = {**self.captured, **local, **self.known}
        return ChainMap(known, self.function.__globals__, vars(builtins))

    def resolve(self, expression: ast.expr) -> object:
        """Return the object that a constant, a name or a dotted name stands for, or `UNKNOWN`."""
        if isinstance(expression, ast.Constant):
            return expression.value
        if isinstance(expression, ast.Name):
            if expression.id in self.assignments:
                return UNKNOWN
            return self.outside.get(expression.id, UNKNOWN)
        if isinstance(expression, ast.Attribute):
            return _member(self.resolve(expression.value), expression.attr)
        return UNKNOWN

    def callee(self, call: ast.Call) -> object:
        """Return the object that is called, or `UNKNOWN`; `Command[str](...)` calls `Command`."""
        function = call.func
        return self.resolve(function.value if isinstance(function, ast.Subscript) else function)

    @cached_property
    def call_nodes(self) -> tuple[ast.Call, ...]:
        """List the calls that this function itself makes."""
        return tuple(node for node in self.nodes if isinstance(node, ast.Call))

    @cached_property
    def all_calls(self) -> tuple[ast.Call, ...]:
        """List the calls in this function and in the functions and lambdas defined inside."""
        nodes = (node for statement in self.statements for node in ast.walk(statement))
        return tuple(node for node in nodes if isinstance(node, ast.Call))

    @cached_property
    def callees(self) -> tuple[object, ...]:
        """List the objects that this function itself calls, `UNKNOWN` among them."""
        return tuple(map(self.callee, self.call_nodes))

    def calls(self, *callees: object) -> list[ast.Call]:
        """List the calls of some objects in this function, in the order of the text."""
        matches = [
            call
            for call in self.call_nodes
            if any(self.callee(call) is callee for callee in callees)
        ]
        return sorted(matches, key=lambda call: (call.lineno, call.col_offset))

    def method_calls(self, name: str) -> list[tuple[str, ast.Call]]:
        """List the calls `name.method(...)` of a local variable, each with the method's name."""
        return [
            (call.func.attr, call)
            for call in self.call_nodes
            if isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == name
        ]

    def receiver(self, call: ast.Call, methods: Collection[str]) -> object:
        """Return the object of a method call, or `UNKNOWN`, also if the method is not listed."""
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in methods:
            return UNKNOWN
        return self.resolve(call.func.value)

    def inner(self, function: ast.expr) -> Body | None:
        """Return the function or lambda, defined inside this one, that an expression names."""
        if isinstance(function, ast.Lambda):
            return self._within(function)
        if not isinstance(function, ast.Name) or function.id not in self.assignments:
            return None
        lambdas = [value for value in self.assigned(function.id) if isinstance(value, ast.Lambda)]
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef)
        named = [
            node
            for node in self.nodes
            if isinstance(node, definitions) and node.name == function.id
        ]
        tree = next(iter([*named, *lambdas]), None)
        return self._within(tree) if tree is not None else None

    def _within(self, tree: Definition) -> Body:
        # The variables of this function are not followed into one that is defined inside it.
        own = parameters(tree)
        hidden = {name: UNKNOWN for name in self.assignments if name not in own}
        known = {name: value for name, value in self.known.items() if name not in own}
        return Body(function=self.function, tree=tree, known={**known, **hidden}, nested=True)

    def helper(self, function: ast.expr) -> Body | None:
        """Return the function near this one, or inside it, that an expression names."""
        if (inner := self.inner(function)) is not None:
            return inner
        plain = function.value if isinstance(function, ast.Subscript) else function
        callee = self.resolve(plain)
        return body_of(callee) if self.is_near(callee) else None

    def given(self, call: ast.Call) -> dict[str, ast.expr]:
        """Map the parameters of this function to what a call of it gives them."""
        positional = takewhile(lambda value: not isinstance(value, ast.Starred), call.args)
        named = {word.arg: word.value for word in call.keywords if word.arg is not None}
        return {**dict(zip(self.parameters, positional, strict=False)), **named}

    @cached_property
    def first(self) -> frozenset[str]:
        """Name the parameter that takes the first argument, which may be `*args`."""
        star = self.tree.args.vararg
        return frozenset(self.parameters[:1]) or frozenset({star.arg} if star else ())

    def handed(self, names: Collection[str], call: ast.Call, helper: Body) -> frozenset[str]:
        """List the parameters of a helper to which a call hands some variables of this one."""
        first = call.args[0] if call.args else None
        # A wrapper takes the state as `*args`, or hands it on so.
        if isinstance(first, ast.Starred) or not helper.parameters:
            name = getattr(getattr(first, "value", first), "id", None)
            return helper.first if name in names else frozenset()
        return frozenset(
            name
            for name, value in helper.given(call).items()
            if isinstance(value, ast.Name) and value.id in names
        )

    @property
    def key(self) -> tuple[CodeType, int, int]:
        """Tell this function from others, and from those that are defined inside it."""
        return self.function.__code__, self.tree.lineno, self.tree.col_offset

    @cached_property
    def returned(self) -> tuple[ast.expr | None, ...]:
        """List the expressions that the function returns; None for a bare `return`."""
        return tuple(node.value for node in self.nodes if isinstance(node, ast.Return))

    @cached_property
    def generates(self) -> bool:
        """Tell whether the function is a generator."""
        return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in self.nodes)

    @property
    def return_hint(self) -> str:
        """Return the text of the return annotation; empty if there is none, or it is None."""
        hint = self.annotations.get("return")
        return hint if isinstance(hint, str) else repr(hint) if hint is not None else ""

    @cached_property
    def reach(self) -> tuple[Body, ...]:
        """List this function, the helpers that it calls, and theirs."""
        bodies = {self.key: self}
        waiting = [self]
        while waiting:
            for helper in waiting.pop().helpers:
                if helper.key not in bodies:
                    bodies[helper.key] = helper
                    waiting.append(helper)
        return tuple(bodies.values())

    @cached_property
    def helpers(self) -> tuple[Body, ...]:
        """List the functions near this one that it calls, and the one that it wraps."""
        found = [self.helper(call.func) for call in self.call_nodes]
        found.append(body_of(getattr(self.function, "__wrapped__", None)))
        return tuple(body for body in found if body is not None)

    @cached_property
    def mapped(self) -> tuple[Body, ...]:
        """List the functions and lambdas near this one that it passes to `map`."""
        found = [self.mapped_by(call) for call in self.call_nodes]
        return tuple(body for body in found if body is not None)

    def mapped_by(self, call: ast.Call) -> Body | None:
        """Return the function or lambda near this one that a call of `map` runs many times."""
        if not call.args or self.callee(call) not in (map, starmap):
            return None
        return self.helper(call.args[0])

    def is_near(self, function: object) -> bool:
        """Tell whether a function is in the same module as this one, or captured by it."""
        plain = plain_function(function)
        if not isinstance(plain, FunctionType):
            return False
        captured = any(function is value for value in self.captured.values())
        return captured or plain.__module__ == self.function.__module__

    @cached_property
    def captured(self) -> dict[str, object]:
        """Map the variables captured from enclosing functions to their values."""
        names, cells = self.function.__code__.co_freevars, self.function.__closure__ or ()
        variables: dict[str, object] = {}
        for name, cell in zip(names, cells, strict=False):
            try:
                variables[name] = cell.cell_contents
            except ValueError:  # the enclosing function has not assigned it yet
                variables[name] = UNKNOWN
        return variables


def plain_function(function: object) -> object:
    """Return the function beneath partials and bound methods."""
    while isinstance(function, partial | MethodType):
        function = function.func if isinstance(function, partial) else function.__func__
    return function


def package_of(owner: FunctionType | type) -> str:
    """Return the name of the top-level package that defines a function or a class."""
    return str(owner.__module__).partition(".")[0]


def argument(call: ast.Call, index: int, name: str) -> ast.expr | None:
    """Return the argument of a call that is given at a position or by keyword, if it is given."""
    return call.args[index] if len(call.args) > index else keywords_of(call).get(name)


def keywords_of(call: ast.Call) -> dict[str | None, ast.expr]:
    """Map the keywords of a call to their values; the key None holds a `**mapping`."""
    return {keyword.arg: keyword.value for keyword in call.keywords}


def body_of(function: object) -> Body | None:
    """Return the source of a function, method, partial or callable object, if it can be read.

    Functions are remembered until `forget` is called, since their globals may change.
    """
    # A partial or a callable object may be unhashable, so that only functions are cached.
    return _cached(function) if isinstance(function, FunctionType) else _read(function)


def forget() -> None:
    """Forget the functions that were read."""
    _cached.cache_clear()


@lru_cache(maxsize=4096)
def _cached(function: FunctionType) -> Body | None:
    return _read(function)


def _read(function: object) -> Body | None:
    known: dict[str, object] = {}
    positional: tuple[object, ...] = ()
    # Outer partials come first, and their keywords win.
    while isinstance(function, partial):
        known, positional = {**function.keywords, **known}, (*function.args, *positional)
        function = function.func
    owner: object = UNKNOWN
    if not isinstance(function, FunctionType | MethodType):
        owner, function = function, inspect.getattr_static(type(function), "__call__", None)
    if isinstance(function, MethodType):
        owner, function = function.__self__, function.__func__
    if not isinstance(function, FunctionType) or (tree := definition(function)) is None:
        return None
    bound = positional if owner is UNKNOWN else (owner, *positional)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return Body(
        function=function, tree=tree, known={**dict(zip(names, bound, strict=False)), **known}
    )


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, object]]:
    for alias in node.names:
        if isinstance(node, ast.Import):
            # `import a.b` binds `a`, `import a.b as c` binds `a.b`.
            whole = alias.name if alias.asname else alias.name.split(".")[0]
            yield alias.asname or whole, sys.modules.get(whole, UNKNOWN)
        else:
            # Reading must not import: a module that is not loaded yet stays unknown.
            module = sys.modules.get(node.module or "")
            yield alias.asname or alias.name, getattr(module, alias.name, UNKNOWN)


def _member(owner: object, name: str) -> object:
    if owner is UNKNOWN:
        return UNKNOWN
    if isinstance(owner, ModuleType):
        return vars(owner).get(name, UNKNOWN)
    if isinstance(owner, type) and issubclass(owner, Enum):
        return owner.__members__.get(name, UNKNOWN)
    if isinstance(owner, Enum) and name == "value":
        return owner.value
    # Statically, since a property or `__getattr__` of the user's would run.
    member = inspect.getattr_static(owner, name, UNKNOWN)
    if isinstance(member, MemberDescriptorType):  # a field in __slots__
        return getattr(owner, name, UNKNOWN)
    if isinstance(member, staticmethod):
        return member.__func__
    if isinstance(member, classmethod):
        return MethodType(member.__func__, owner if isinstance(owner, type) else type(owner))
    if isinstance(member, FunctionType) and not isinstance(owner, type):
        # A function that the object itself holds is not bound to it, as one of its class is.
        of_class = inspect.getattr_static(type(owner), name, UNKNOWN) is member
        return MethodType(member, owner) if of_class else member
    return UNKNOWN if isinstance(member, property) else member
