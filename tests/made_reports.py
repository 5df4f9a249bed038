"""Reports for tests: a believable one made by hand, and a strategy for any, hostile ones above all."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from ci_guard.model.finding import Finding, Severity, sort_key
from ci_guard.model.location import Edit, Flow, Location, Region
from ci_guard.model.record import replace
from ci_guard.model.report import Notice, Report, RuleKey, RuleMeta, Scope, Unjudged
from ci_guard.model.subject import SubjectId
from ci_guard.model.suppression import Suppression

MANIFEST = b"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
  namespace: shop
spec:
  template:
    spec:
      hostNetwork: true
      containers:
      - name: api
        image: registry.example/orders:latest
        securityContext:
          privileged: true
          capabilities:
            add: [NET_RAW, SYS_ADMIN]
"""
PATH = "orders/deployment.yaml"


def read(path: str) -> bytes | None:
    """The one file there is."""
    return MANIFEST if path == PATH else None


def place(line: int, part: str, note: str = "") -> Location:
    """Where `part` stands on `line` of the manifest."""
    text = MANIFEST.decode().split("\n")[line - 1]
    column = text.index(part) + 1
    return Location(PATH, Region(line, column, line, column + len(part)), text, note)


API = SubjectId("Deployment", "orders", "shop", "apps/v1", "api")
PRIVILEGED = RuleMeta(
    "ci-guard",
    "privileged-container",
    "Container runs privileged",
    Severity.CRITICAL,
    "pod-security",
    why="A privileged container has every capability and all devices of the node:\n"
    "who breaks into it owns the node and every pod on it.",
    remedy="Remove `privileged: true`; add the single capability that is needed instead.",
    since="0.1.0",
    controls={
        "cis-kubernetes": {"5.2.2": "direct"},
        "attack": {"T1611": "direct"},
        "nist-800-53r5": {"CM-7": "related"},
    },
    stride=("elevation-of-privilege",),
    dread={"damage": 9, "reproducibility": 9, "exploitability": 8, "affected-users": 9, "discoverability": 7},
    references=("https://kubernetes.io/docs/concepts/security/pod-security-standards/",),
    pod_security="privileged",
    help_uri="https://ci-guard.example/rules/privileged-container",
)
CAPABILITY = RuleMeta(
    "ci-guard",
    "capability-not-in-baseline",
    "Container adds a capability outside the baseline",
    Severity.HIGH,
    "pod-security",
    why="Capabilities beyond the default set let a process do what only root of the node may.",
    remedy="Drop ALL and add back only what the baseline allows.",
    pod_security="capabilities_baseline",
)
HOST_NETWORK = RuleMeta(
    "ci-guard",
    "host-network",
    "Pod shares the network of the node",
    Severity.HIGH,
    "pod-security",
    why="It sees, and may fake, all traffic of the node.",
    remedy="Remove `hostNetwork: true`.",
    pod_security="hostNamespaces",
)
TAG = RuleMeta("ci-guard", "image-tag-latest", "Image has no fixed version", Severity.MEDIUM, "images")
SECRET = RuleMeta("ci-guard", "secret-in-env", "Secret in the manifest", Severity.HIGH, "secrets", sensitive=True)
HASH = RuleMeta(
    "ci-guard",
    "dependency-without-hash",
    "Lock entry has no hash",
    Severity.HIGH,
    "dependencies",
    why="Whoever controls the index decides what is installed.",
    remedy="Lock again with hashes.",
)
RULES = {m.key: m for m in (PRIVILEGED, CAPABILITY, HOST_NETWORK, TAG, SECRET, HASH)}
FIELD = "spec.template.spec.containers[name=api]"

FINDINGS = (
    Finding(
        "privileged-container",
        Severity.CRITICAL,
        'container "api" runs privileged',
        place(14, "true"),
        API,
        f"{FIELD}.securityContext.privileged",
        edits=(Edit(PATH, Region(14, 23, 14, 27), "false"),),
    ),
    Finding(
        "capability-not-in-baseline",
        Severity.HIGH,
        'container "api" adds capability SYS_ADMIN',
        place(16, "SYS_ADMIN"),
        API,
        f"{FIELD}.securityContext.capabilities.add[1]",
        key="SYS_ADMIN",
        related=(place(13, "securityContext", "set here"),),
        flows=(Flow((place(10, "containers", "of these"), place(16, "SYS_ADMIN", "this one"))),),
    ),
    Finding(
        "capability-not-in-baseline",
        Severity.HIGH,
        'container "api" adds capability NET_RAW',
        place(16, "NET_RAW"),
        API,
        f"{FIELD}.securityContext.capabilities.add[0]",
        key="NET_RAW",
        implied_by="privileged-container",
    ),
    Finding(
        "host-network",
        Severity.HIGH,
        "pod shares the network of the node",
        place(9, "true"),
        replace(API, container=""),
        "spec.template.spec.hostNetwork",
        suppressed=Suppression("the exporter needs it", "comment", None, date(2030, 1, 1), "sec-team"),
    ),
    Finding(
        "image-tag-latest",
        Severity.MEDIUM,
        'image registry.example/orders:latest of container "api" has no fixed version',
        place(12, "registry.example/orders:latest"),
        API,
        f"{FIELD}.image",
    ),
    Finding(
        "secret-in-env",
        Severity.HIGH,
        'environment variable PASSWORD of container "web" holds a secret',
        Location("web/deployment.yaml", Region(5, 3, 5, 20), "  PASSWORD: hunter2hunter2"),
        SubjectId("Deployment", "web", "shop", "apps/v1", "web"),
        "spec.template.spec.containers[name=web].env[name=PASSWORD].value",
        edits=(Edit("web/deployment.yaml", Region(5, 3, 5, 20), "PASSWORD: hunter2"),),
    ),
    Finding(
        "dependency-without-hash",
        Severity.HIGH,
        "requests 2.32.0 has no hash",
        Location("orders/uv.lock", Region(12, 1, 12, 12), "[[package]]"),
        SubjectId("component", "pkg:pypi/requests@2.32.0"),
    ),
)
SCOPE = Scope(
    ".",
    {"judged": 3, "no-manifest": 4, "helm-template": 1},
    documents=5,
    subjects=9,
    profile="default",
    pod_security_version="latest",
    commit="0123456789abcdef0123456789abcdef01234567",
    digests={"rules": "sha256:" + "ab" * 32},
)
REPORT = Report(
    "ci-guard",
    "0.1.0",
    SCOPE,
    RULES,
    tuple(sorted(FINDINGS, key=sort_key)),
    {m.id: 4 for m in RULES.values()},
    (Unjudged("host-network", "Pod shop/cache", "hostNetwork is text, not a boolean", Location("cache.yaml")),),
    (Notice("a Helm template, not judged", Location("charts/web/templates/d.yaml")),),
)
EMPTY = Report("ci-guard", "0.1.0", Scope(), {}, ())

HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe\u2066",
    "::error file=a::owned",
    "##[error]owned",
    "a\n::set-output name=x::y",
    "\r\n::stop-commands::t",
    "[click](https://evil.example)",
    "![x](https://evil.example/p.png)",
    "<script>alert(1)</script>",
    "`code` **bold** | cell | @team #1",
    "```\nfence",
    "[link](0) \\[x\\] {0} {{",
    "\x00\x7f\x9b31m",
    "\ud800\udc80",
    "a\udcff.yaml",
    "表計算.yaml",
    "👩‍👩‍👧 café e\u0301",
    "\u2028line\u0085next",
    "]]>&amp;<![CDATA[",
    "%0A%0D%25,:",
    "../../etc/passwd",
    "",
    "~~~ --- === #heading",
)

words = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30), st.text(st.characters(), max_size=12))
names = words.map(lambda w: w or "x")


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """Any region, one that lies outside its line too."""
    line = draw(st.integers(1, 400))
    column = draw(st.integers(1, 200))
    end_line = line + draw(st.integers(0, 3))
    end_column = draw(st.integers(column if end_line == line else 1, 260))
    return Region(line, column, end_line, end_column)


locations = st.builds(Location, names, st.none() | regions(), words, words)
subjects = st.builds(SubjectId, names, names, words, words, words)
suppressions = st.builds(
    Suppression,
    words,
    st.sampled_from(["comment", "annotation", "config", "baseline", "external", "profile default"]),
    st.none() | locations,
    st.none() | st.dates(),
    words,
)
rule_ids = st.sampled_from(["privileged-container", "image-tag-latest", "secret-in-env", "no-metadata"])
findings = st.builds(
    Finding,
    rule_ids,
    st.sampled_from(Severity),
    words,
    locations,
    subjects,
    words,
    words,
    st.lists(locations, max_size=2).map(tuple),
    st.lists(st.builds(Flow, st.lists(locations, max_size=2).map(tuple)), max_size=1).map(tuple),
    st.lists(st.builds(Edit, names, regions(), words), max_size=2).map(tuple),
    st.sampled_from(["", "", "privileged-container"]),
    st.none() | suppressions,
    st.sampled_from(["ci-guard", "ci-guard", "other tool"]),
)
unjudged = st.builds(Unjudged, st.sampled_from(["", "host-network"]), words, words, st.none() | locations)
notices = st.builds(Notice, words, st.none() | locations)
controls = st.dictionaries(
    names, st.dictionaries(names, st.sampled_from(["direct", "related"]), max_size=2), max_size=2
)
metas = st.builds(
    RuleMeta,
    st.just("ci-guard"),
    rule_ids,
    words,
    st.sampled_from(Severity),
    st.sampled_from(["pod-security", "dependencies", "workflows", ""]),
    words,
    words,
    sensitive=st.booleans(),
    controls=controls,
    stride=st.lists(words, max_size=2).map(tuple),
    references=st.lists(words, max_size=2).map(tuple),
    tags=st.lists(words, max_size=3).map(tuple),
)
reports = st.builds(
    lambda found, rules, bad, told, files: Report(
        "ci-guard",
        "0.1.0",
        Scope(files=files),
        {RuleKey(m.tool, m.id): m for m in rules},
        tuple(sorted(found, key=sort_key)),
        {"image-tag-latest": 2},
        tuple(bad),
        tuple(told),
    ),
    st.lists(findings, max_size=6),
    st.lists(metas, max_size=3),
    st.lists(unjudged, max_size=2),
    st.lists(notices, max_size=2),
    st.dictionaries(words, st.integers(0, 99), max_size=2),
)
