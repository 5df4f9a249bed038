"""Records: classes that are their fields, as this project needs them of `dataclasses`, made for a quick start.

A hook starts for every commit. `dataclasses` compiles up to eight methods a class and imports `inspect`; for the types
of one start that was two fifths of all instructions (docs/adr/0025). Here one method is compiled, `__init__`, when the
first record of a class is made; those that compare, hash and print are shared. Type checkers see dataclasses (PEP 681).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar, dataclass_transform, overload

T = TypeVar("T")

_UNSET: Final = object()
_NOT_COPIED: Final = frozenset({"__dict__", "__weakref__"})


class Field(NamedTuple):
    """One field: its default or the maker of one, and whether comparing (hashing, ordering) and printing see it."""

    default: Any = _UNSET
    default_factory: Any = _UNSET
    compare: bool = True
    repr: bool = True


def field(
    *, default: Any = _UNSET, default_factory: Callable[[], Any] | Any = _UNSET, compare: bool = True, repr: bool = True
) -> Any:
    """Say more of a field than its default value."""
    return Field(default, default_factory, compare, repr)


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(
    *, frozen: bool = True, slots: bool = True, order: bool = False, eq: bool = True
) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: Any = None, /, *, frozen: bool = True, slots: bool = True, order: bool = False, eq: bool = True) -> Any:
    """Make a class with annotated fields a record, as `dataclasses.dataclass` does; frozen and slotted unless told.

    Records are equal when they are of one class and their fields are; only frozen ones can be hashed. `__post_init__`
    is called where there is one. Without `eq` a record equals only itself.
    """
    if cls is None:
        return lambda made: _made(made, frozen=frozen, slots=slots, order=order, eq=eq)
    return _made(cls, frozen=frozen, slots=slots, order=order, eq=eq)


def replace(instance: T, /, **changes: Any) -> T:
    """A copy with some fields changed. Raises TypeError for a field that the record does not have."""
    fields = _fields(type(instance))
    if not fields:
        raise TypeError(f"{type(instance).__name__} is no record")
    kept = {name: getattr(instance, name) for name in fields if name not in changes}
    return type(instance)(**kept, **changes)


def _fields(cls: type) -> Mapping[str, Field]:
    found: Mapping[str, Field] = getattr(cls, "__record_fields__", {})
    return found


def _made(cls: type, *, frozen: bool, slots: bool, order: bool, eq: bool) -> type:
    own = {
        name: _field_of(cls.__dict__.get(name, _UNSET))
        for name, kind in cls.__annotations__.items()
        if not str(kind).startswith("ClassVar")
    }
    fields = {**_fields(cls), **own}
    body = {name: value for name, value in cls.__dict__.items() if name not in own and name not in _NOT_COPIED}
    body |= {"__qualname__": cls.__qualname__, "__record_fields__": fields, "__match_args__": tuple(fields)}
    body["__init__"] = _deferred(fields, frozen=frozen, then=hasattr(cls, "__post_init__"))
    body["_record_key"] = _key([name for name, one in fields.items() if one.compare])
    for methods, wanted in ((_PRINTED, True), (_EQUAL, eq), (_FROZEN, frozen), (_ORDERED, order)):
        body |= {name: method for name, method in methods.items() if wanted and name not in cls.__dict__}
    if eq and not frozen:
        body["__hash__"] = None
    if slots:
        body["__slots__"] = tuple(own)
    # A class cannot get slots once it is there, so it is made a second time; `super()` without arguments would miss it.
    return type(cls)(cls.__name__, cls.__bases__, body)


def _field_of(default: Any) -> Field:
    return default if isinstance(default, Field) else Field(default)


def _key(names: list[str]) -> Any:
    """What is compared; a static method, because `attrgetter` runs in C and is no function that would be bound."""
    return staticmethod(attrgetter(*names)) if names else staticmethod(lambda _: ())


def _deferred(fields: Mapping[str, Field], *, frozen: bool, then: bool) -> Any:
    """An `__init__` that the compiled one replaces at the first call: of most types a start makes no record."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807 - it is one
        compiled = _init(fields, frozen=frozen, then=then)
        for owner in type(self).__mro__:
            if owner.__dict__.get("__init__") is __init__:  # nowhere, if another thread was quicker
                setattr(owner, "__init__", compiled)  # noqa: B010 - to mypy an assignment looks unsound
        compiled(self, *values, **named)

    return __init__


def _init(fields: Mapping[str, Field], *, frozen: bool, then: bool) -> Any:
    """The one method that is compiled, because it runs for every finding; its names come from our own class bodies."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_unset": _UNSET}
    parameters, lines = ["self"], []
    for name, one in fields.items():
        value = name
        if one.default_factory is not _UNSET:
            known[f"_new_{name}"] = one.default_factory
            parameters.append(f"{name}=_unset")
            value = f"_new_{name}() if {name} is _unset else {name}"
        elif one.default is not _UNSET:
            known[f"_default_{name}"] = one.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    lines += [" self.__post_init__()"] if then else []
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), known)  # noqa: S102
    return known["__init__"]


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name, one in _fields(type(self)).items() if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._record_key(self) == self._record_key(other)


def _hash(self: Any) -> int:
    return hash(self._record_key(self))


def _lt(self: Any, other: Any) -> Any:
    return self._record_key(self) < self._record_key(other) if other.__class__ is self.__class__ else NotImplemented


def _le(self: Any, other: Any) -> Any:
    return self._record_key(self) <= self._record_key(other) if other.__class__ is self.__class__ else NotImplemented


def _gt(self: Any, other: Any) -> Any:
    return self._record_key(self) > self._record_key(other) if other.__class__ is self.__class__ else NotImplemented


def _ge(self: Any, other: Any) -> Any:
    return self._record_key(self) >= self._record_key(other) if other.__class__ is self.__class__ else NotImplemented


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: {name} cannot be changed")


def _reduce(self: Any) -> tuple[type, tuple[Any, ...]]:
    """Pickled as what it is made of: a frozen record cannot be filled in afterwards."""
    return type(self), tuple(getattr(self, name) for name in _fields(type(self)))


_PRINTED: Final = {"__repr__": _repr}
_EQUAL: Final = {"__eq__": _eq, "__hash__": _hash}
_FROZEN: Final = {"__setattr__": _refuse, "__delattr__": _refuse, "__reduce__": _reduce}
_ORDERED: Final = {"__lt__": _lt, "__le__": _le, "__gt__": _gt, "__ge__": _ge}
