from ci_guard.source.document import Document, Unreadable
from ci_guard.source.reader import read


def docs(data, dialect="kubernetes"):
    return list(read("f", data.encode() if isinstance(data, str) else data, dialect))


def at(document, path, **kw):
    r = document.locate(path, **kw).region
    return (r.start_line, r.start_column, r.end_line, r.end_column)


def test_positions():
    (d,) = docs(
        "kind: Pod\nspec:\n  containers:\n  - image: x\n    name: api\n    securityContext:\n      privileged: true\n"
    )
    assert at(d, ("spec", "containers", 0, "securityContext", "privileged")) == (7, 19, 7, 23)
    assert at(d, ("spec", "containers", 0, "securityContext", "zzz")) == (6, 5, 6, 20)
    assert at(d, ("spec", "containers", 0, "zzz")) == (5, 5, 5, 14)
    assert at(d, ()) == (1, 1, 1, 10)
    assert d.field_path(("spec", "containers", 0, "image")) == "spec.containers[name=api].image"


def test_one_broken_document_does_not_lose_the_others():
    one, bad, two = docs("a: b\n---\n{{ x\n---\nc: d\n")
    assert isinstance(bad, Unreadable) and bad.location.region.start_line in {3, 4}
    assert (one.value, two.value) == ({"a": "b"}, {"c": "d"})
    assert at(two, ("c",)) == (5, 4, 5, 5)
    assert at(one, ("a",)) == (1, 4, 1, 5)


def test_deep_nesting_is_refused():
    for text in ("[" * 100_000, "- " * 100_000, '{"a":' * 100_000):
        for dialect in ("kubernetes", "yaml-1.2", "json"):
            (bad,) = docs(text, dialect)
            assert isinstance(bad, Unreadable)


def test_json():
    (d,) = docs('{"a": [1, {"b\\u0041": null}], "a": 2}', "json")
    assert d.value == {"a": 2}
    assert isinstance(d, Document) and [p for p, _ in d.duplicates] == [("a",)]
    assert at(d, ("a",)) == (1, 36, 1, 37)
