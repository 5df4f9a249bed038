"""Records do what `dataclasses` would: the same fields, equality, hash, order, text, copies; and they start quicker."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.model.record import field, record, replace


@record(order=True)
class Point:
    """Two coordinates."""

    unit: ClassVar[str] = "mm"
    x: int
    y: int = 0
    seen: tuple[str, ...] = field(default_factory=tuple)
    note: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def far(self) -> bool:
        """Whether it is far away."""
        return self.x + self.y > 100


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Model:
    """The same by the standard library."""

    unit: ClassVar[str] = "mm"
    x: int
    y: int = 0
    seen: tuple[str, ...] = dataclasses.field(default_factory=tuple)
    note: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False, repr=False)


@record(frozen=False)
class Heap:
    """Something that grows."""

    members: list[int] = field(default_factory=list)


@record
class Spot(Point):
    """A point with a colour."""

    colour: str = "red"

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown colour."""
        if self.colour not in {"red", "blue"}:
            raise ValueError(self.colour)


ARGUMENTS = st.tuples(
    st.integers(), st.integers(), st.lists(st.text(), max_size=2).map(tuple), st.dictionaries(st.text(), st.integers())
)


@given(ARGUMENTS, ARGUMENTS)
def test_as_the_standard_library_does(one: Any, two: Any) -> None:
    a, b, c, d = Point(*one), Point(*two), Model(*one), Model(*two)
    assert (a == b, a < b, a <= b, a > b, a >= b) == (c == d, c < d, c <= d, c > d, c >= d)
    assert repr(a) == repr(c).replace("Model", "Point")
    assert (hash(a) == hash(b)) == (hash(c) == hash(d))
    assert pickle.loads(pickle.dumps(a)) == a == copy.deepcopy(a) == replace(b, x=a.x, y=a.y, seen=a.seen)
    assert Point.__match_args__ == Model.__match_args__


def test_what_it_refuses() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="Point is frozen: x cannot be changed"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del point.y
    with pytest.raises((AttributeError, TypeError)):
        object.__setattr__(point, "z", 2)
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        replace(point, z=1)
    with pytest.raises(TypeError, match="int is no record"):
        replace(3, x=1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Heap())
    with pytest.raises(ValueError, match="green"):
        replace(Spot(1), colour="green")
    assert point != Model(1)


def test_fields_are_inherited_and_made_anew() -> None:
    assert Spot(1, 2, colour="blue") == Spot(1, 2, (), {}, "blue") != Point(1, 2)
    assert Spot(99, 9).far()
    first, second = Heap(), Heap()
    first.members.append(1)
    assert second.members == []
    assert pickle.loads(pickle.dumps(first)) == first
