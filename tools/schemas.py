"""Rebuild `ci_guard/kubernetes/schemas/builtin.tsv`: the fields of Kubernetes' built-in kinds, by version.

    python tools/schemas.py            write; needs `go` and its module proxy
    python tools/schemas.py --check    write nothing; exit 1 if the file is out of date

Source: the Go structs of `k8s.io/api` and its neighbours, which the API server itself decodes manifests into. One
release of each supported minor version is pinned in `tools/schemas.sum` with the hash that Go's checksum database
vouches for; nothing is compiled or run, the text of the structs and their `json:` tags is read. Deprecation and removal
come from the generated `zz_generated.prerelease-lifecycle.go` beside them.

    type<TAB>name<TAB>[since-until]<TAB>field:type[@since-until] …   minor versions; none where all have it
    kind<TAB>apiVersion kind<TAB>type<TAB>[deprecated]<TAB>[removed]<TAB>[replacement]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tools" / "schemas.sum"
TARGET = ROOT / "ci_guard" / "kubernetes" / "schemas" / "builtin.tsv"

# Go types that read JSON their own way, or are no structs of ours. s text, b boolean, i integer, n number,
# q quantity, x integer or text, * anything.
SCALARS = {
    **dict.fromkeys(("string", "[]byte", "[]uint8"), "s"),
    **dict.fromkeys(("int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64"), "i"),
    **dict.fromkeys(("float32", "float64"), "n"),
    **dict.fromkeys(("interface{}", "any", "error"), "*"),
    "bool": "b",
    "time.Duration": "i",
    "k8s.io/apimachinery/pkg/api/resource.Quantity": "q",
    "k8s.io/apimachinery/pkg/util/intstr.IntOrString": "x",
    "k8s.io/apimachinery/pkg/apis/meta/v1.Time": "s",
    "k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime": "s",
    "k8s.io/apimachinery/pkg/apis/meta/v1.Duration": "s",
    "k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1": "*",
    "k8s.io/apimachinery/pkg/runtime.RawExtension": "*",
    "k8s.io/apimachinery/pkg/runtime.Object": "*",
    "k8s.io/apimachinery/pkg/runtime.Unknown": "*",
}
_LITERAL = re.compile(r"JSON(SchemaPropsOr\w+)?|TimeOrMetaDuration|VModuleConfiguration")  # (un)marshal themselves
# Packages that hold API objects. Configuration files of components are read as strictly as objects are.
PACKAGES = {
    "k8s.io/api": "*/v*",
    "k8s.io/apiextensions-apiserver": "pkg/apis/apiextensions/v*",
    "k8s.io/kube-aggregator": "pkg/apis/apiregistration/v*",
    "k8s.io/kubelet": "config/v*",
    "k8s.io/kube-proxy": "config/v*",
    "k8s.io/kube-scheduler": "config/v*",
    "k8s.io/apiserver": "pkg/apis/a*/v*",  # apiserver and audit; example and example2 are for tests
}
SUPPORT = ("k8s.io/apimachinery", "k8s.io/component-base")  # whose types the others use

_STRUCT = re.compile(r"^type (\w+) struct \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"^type (\w+) (?:= )?([\w.\[\]*]+)$", re.MULTILINE)
_FIELD = re.compile(r"(?:(\w+)\s+)?([\w.\[\]*{}]+)\s*(?:`(.*)`)?")
_IMPORT = re.compile(r'^\s*(?:import )?(?:(\w+) )?"([\w./-]+)"$', re.MULTILINE)
_TAG = re.compile(r'json:"([^",]*)(,[^"]*)?"')
_GROUP = re.compile(r'GroupName\s*(?:string\s*)?=\s*"([^"]*)"')
_LIFE = re.compile(r"^func \(in \*(\w+)\) APILifecycle(Deprecated|Removed)\(\).*?return 1, (\d+)", re.M | re.S)
_REPLACED = re.compile(
    r'^func \(in \*(\w+)\) APILifecycleReplacement.*?Group: "(.*?)", Version: "(.*?)", Kind: "(.*?)"', re.M | re.S
)

Structs = dict[str, dict[str, str]]


@dataclass
class Life:
    """When a kind was deprecated and removed (minor versions, 0 for never), and by what it was replaced."""

    deprecated: int = 0
    removed: int = 0
    replacement: str = ""


@dataclass
class Package:
    """The Go text of one package: structs and named types, by name."""

    path: str
    folder: Path

    @cached_property
    def files(self) -> list[str]:
        """Its files without comments, tests left out."""
        found = [p for p in sorted(self.folder.glob("*.go")) if not p.name.endswith("_test.go")]
        return [re.sub(r"/\*.*?\*/|//[^\n]*", "", p.read_text("utf-8"), flags=re.S) for p in found]

    @cached_property
    def types(self) -> dict[str, tuple[str, str, dict[str, str]]]:
        """Name -> ("struct" or "named", its text, the imports of its file)."""
        out = {}
        for text in self.files:
            imports = {alias or path.rpartition("/")[2]: path for alias, path in _IMPORT.findall(text)}
            out.update({name: ("struct", body, imports) for name, body in _STRUCT.findall(text)})
            out.update({name: ("named", target, imports) for name, target in _NAMED.findall(text)})
            out.update({name: ("struct", "", imports) for name in re.findall(r"^type (\w+) struct\{\}", text, re.M)})
        return out

    @cached_property
    def groups(self) -> list[str]:
        """The API groups that it registers; some configuration has two."""
        return sorted({group for text in self.files for group in _GROUP.findall(text)}) or [""]

    @property
    def version(self) -> str:
        """The API version, its folder's name."""
        return self.folder.name

    def lives(self) -> dict[str, Life]:
        """Kind -> when it came and goes."""
        out: dict[str, Life] = {}
        for text in self.files:
            for kind, what, minor in _LIFE.findall(text):
                setattr(out.setdefault(kind, Life()), what.lower(), int(minor))
            for kind, group, version, new in _REPLACED.findall(text):
                out.setdefault(kind, Life()).replacement = f"{group}/{version} {new}".lstrip("/")
        return out


@dataclass
class Release:
    """All packages of one minor version."""

    minor: int
    modules: dict[str, Path]
    packages: dict[str, Package] = field(default_factory=dict)
    structs: Structs = field(default_factory=dict)
    kinds: dict[str, tuple[str, Life]] = field(default_factory=dict)

    def read(self) -> None:
        """Fill `structs` and `kinds`."""
        for module, pattern in PACKAGES.items():
            if module in self.modules:
                for folder in sorted(self.modules[module].glob(pattern)):
                    self._objects(self.package(f"{module}/{folder.relative_to(self.modules[module])}"))

    def package(self, path: str) -> Package:
        """The package with an import path. Raises KeyError when no pinned module has it."""
        if path not in self.packages:
            module = next((m for m in self.modules if path.startswith(m + "/")), None)
            if module is None:
                raise KeyError(f"{path} is in no pinned module")
            self.packages[path] = Package(path, self.modules[module] / path[len(module) + 1 :])
        return self.packages[path]

    def _objects(self, package: Package) -> None:
        lives = package.lives()
        for kind, (what, body, _) in package.types.items():
            if what == "struct" and re.search(r"^\s*(metav1|v1)\.TypeMeta\b", body, re.M) and not kind.endswith("List"):
                known = self.reference(kind, package, {}), lives.get(kind, Life())
                for group in package.groups:
                    self.kinds[f"{group}/{package.version} {kind}".lstrip("/")] = known

    def reference(self, text: str, package: Package, imports: dict[str, str]) -> str:
        """A Go type as a type of the file; structs on the way are read."""
        text = text.lstrip("*")
        if text in SCALARS:
            return SCALARS[text]
        if text.startswith("[]"):
            return "[]" + self.reference(text[2:], package, imports)
        if text.startswith("map["):
            return "{}" + self.reference(text.partition("]")[2], package, imports)
        if "." in text:
            alias, _, text = text.partition(".")
            if f"{imports[alias]}.{text}" in SCALARS:
                return SCALARS[f"{imports[alias]}.{text}"]
            package = self.package(imports[alias])
        return self._declared(text, package)

    def _declared(self, name: str, package: Package) -> str:
        full = f"{package.path}.{name}"
        if full in SCALARS or _LITERAL.fullmatch(name):
            return SCALARS.get(full, "*")
        what, body, imports = package.types[name]
        if what == "named":
            return self.reference(body, package, imports)
        short = re.sub(r"^k8s\.io/(api/|apimachinery/)?(pkg/apis/)?|pkg/apis/", "", full)
        if short not in self.structs:
            self.structs[short] = {}
            self.structs[short].update(self._fields(body, package, imports))
        return short

    def _fields(self, body: str, package: Package, imports: dict[str, str]) -> dict[str, str]:
        out: dict[str, str] = {}
        for line in filter(None, map(str.strip, body.splitlines())):
            match = _FIELD.fullmatch(line)
            if match is None:
                raise ValueError(f"{package.path}: cannot read the field {line!r}")
            name, type_, tag = match.groups()
            told = _TAG.search(tag or "")
            if told and told[1] == "-":
                continue
            key = (told and told[1]) or name
            if key is None or (told and "inline" in (told[2] or "")):
                out.update(self.structs.get(self.reference(type_, package, imports), {}))
            elif name is None or name[0].isupper():
                out[key] = self.reference(type_, package, imports)
        return out


def pins() -> list[tuple[str, str, str]]:
    """(module, version, hash) of every pinned module."""
    lines = [line.split() for line in PINS.read_text("utf-8").splitlines() if line and line[0] != "#"]
    return [(module, version, digest) for module, version, digest in lines]


def download() -> dict[int, dict[str, Path]]:
    """Minor version -> module -> folder. Raises ValueError when a hash is not the pinned one."""
    wanted = {f"{module}@{version}": digest for module, version, digest in pins()}
    command = ["go", "mod", "download", "-json", *wanted]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    out: dict[int, dict[str, Path]] = {}
    for text in re.split(r"(?<=^\})\n", found, flags=re.M):
        if text.strip():
            module = json.loads(text)
            if module["Sum"] != wanted[f"{module['Path']}@{module['Version']}"]:
                raise ValueError(f"{module['Path']} {module['Version']} is not what was pinned: {module['Sum']}")
            out.setdefault(int(module["Version"].split(".")[1]), {})[module["Path"]] = Path(module["Dir"])
    for minor in sorted(out):
        out[minor] = {**out.get(minor - 1, {}), **out[minor]}
    return out


def merged(releases: list[Release]) -> str:
    """The file's text: types and kinds of all releases, each said once."""
    first, last = releases[0].minor, releases[-1].minor
    names = sorted({name for release in releases for name in release.structs})
    lines = [f"# Written by tools/schemas.py from Kubernetes v1.{first} to v1.{last}, Apache-2.0", f"{first}\t{last}"]
    for name in names:
        minors = [r.minor for r in releases if name in r.structs]
        whole = minors[0], minors[-1]
        spans = _spans([(r.minor, r.structs[name]) for r in releases if name in r.structs])
        fields = sorted(spans.items(), key=lambda item: (item[0][0], item[1]))
        cells = [f"{key}:{reference}{_since('@', span, whole)}" for (key, reference), span in fields]
        lines.append(f"type\t{name}\t{_since('', whole, (first, last))}\t{' '.join(cells)}")
    kinds: dict[str, tuple[str, Life]] = {}
    for release in releases:
        kinds |= release.kinds
    for kind, (reference, life) in sorted(kinds.items()):
        lines.append(f"kind\t{kind}\t{reference}\t{life.deprecated or ''}\t{life.removed or ''}\t{life.replacement}")
    return "\n".join(lines) + "\n"


def _since(sign: str, span: tuple[int, int], whole: tuple[int, int]) -> str:
    """A span as text; nothing where it is the whole one."""
    return "" if span == whole else f"{sign}{span[0]}-{span[1]}"


def _spans(versions: list[tuple[int, dict[str, str]]]) -> dict[tuple[str, str], tuple[int, int]]:
    """(field, type) -> first and last minor version that has it."""
    out: dict[tuple[str, str], tuple[int, int]] = {}
    for minor, fields in versions:
        for item in fields.items():
            out[item] = (out.get(item, (minor, 0))[0], minor)
    return out


def main(arguments: list[str]) -> int:
    """Write or check; returns 0, or 1 when `--check` found the file out of date."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    releases = [Release(minor, modules) for minor, modules in sorted(download().items())]
    for release in releases:
        release.read()
    text = merged(releases)
    if arguments:
        stale = not TARGET.exists() or TARGET.read_text("utf-8") != text
        print(f"{TARGET.relative_to(ROOT)} is {'out of date' if stale else 'up to date'}")
        return int(stale)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, "utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}: {len(text)} bytes, {text.count('kind	')} kinds")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
