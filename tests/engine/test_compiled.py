"""Compiled programs that are kept: found only for exactly what they were compiled from, else compiled again."""

from __future__ import annotations

from pathlib import Path

import pytest
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from ci_guard.engine.compiled import MOST, SHORTEST, Store
from ci_guard.engine.expression import Expression

LONG = "x" * SHORTEST
ENGINE = cel.__file__


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "__pycache__", ENGINE, ["a", "b"])


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "__pycache__").iterdir())


def test_what_was_written_is_read(store: Store, tmp_path: Path) -> None:
    store.write(LONG, b"program")
    assert store.read(LONG) == b"program"
    assert store.read(LONG + " ") is None
    assert Store(tmp_path / "__pycache__", ENGINE, ["a", "b"]).read(LONG) == b"program"


def test_other_variables_or_another_engine_find_nothing(store: Store, tmp_path: Path) -> None:
    store.write(LONG, b"program")
    folder = tmp_path / "__pycache__"
    assert Store(folder, ENGINE, ["a"]).read(LONG) is None
    assert Store(folder, __file__, ["a", "b"]).read(LONG) is None
    assert Store(folder, str(tmp_path / "nothing"), ["a", "b"]).read(LONG) is None


def test_a_file_of_the_same_name_is_compared(store: Store, tmp_path: Path) -> None:
    store.write(LONG, b"program")
    (path,) = kept(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"xxx", b"xxy", 1))
    assert store.read(LONG) is None


@given(cut=st.integers(0, 40), changed=st.integers(1, 40))
def test_a_broken_file_is_not_used(cut: int, changed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("kept")
    store = Store(folder, ENGINE, [])
    store.write(LONG, b"program" * 10)
    (path,) = folder.iterdir()
    data = bytearray(path.read_bytes())
    data[-changed] ^= 1
    path.write_bytes(bytes(data[: len(data) - cut]))
    assert store.read(LONG) is None


def test_short_texts_are_not_worth_a_file(store: Store, tmp_path: Path) -> None:
    store.write("x", b"program")
    assert not (tmp_path / "__pycache__").exists()


def test_nothing_is_written_unless_wanted(tmp_path: Path) -> None:
    Store(tmp_path / "__pycache__", ENGINE, [], writes=False).write(LONG, b"program")
    assert not (tmp_path / "__pycache__").exists()


def test_the_folder_does_not_grow_for_ever(store: Store, tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "program.cpython-311.pyc").write_bytes(b"")
    for number in range(MOST + 5):
        store.write(LONG + str(number), b"program")
    assert len(kept(tmp_path)) == 6
    assert (tmp_path / "__pycache__" / "program.cpython-311.pyc").exists()


def test_no_folder_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file", ENGINE, [])
    store.write(LONG, b"program")
    assert store.read(LONG) is None


def test_a_kept_expression_judges_like_a_compiled_one(store: Store) -> None:
    text = f"object.kind == 'Pod' ? 1 : 0 // {LONG}"
    for program in (None, b"no program at all"):
        if program is not None:
            store.write(text, program)
        for _ in range(2):
            judging = Expression(text, kept=store)
            assert [judging.evaluate({"object": {"kind": kind}}) for kind in ("Pod", "Job")] == [1, 0]
