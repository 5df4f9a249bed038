"""One thin module a command: `add_arguments(parser)` and `run(args) -> Outcome`.

`COMMANDS` names them all; `cli` imports only the one that was asked for, so that no command pays for another.
"""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "init": "set a repository up: hooks, workflow, configuration, first baseline",
    "lint": "judge Kubernetes manifests",
    "sbom": "bill of materials of the repo and what it deploys",
    "deps": "verify dependencies: pins, hashes, sources",
    "keygen": "make a signing key pair",
    "sign": "sign artifacts",
    "attest": "attest a predicate about artifacts",
    "verify": "verify an artifact against its bundle",
    "gate": "decide on SARIF results of any tool",
    "report": "what results show of a framework's controls, or of threats",
    "upload": "results of any tool into GitHub code scanning",
    "baseline": "accept the findings of today",
    "run": "the main job: lint, sbom, deps, attest, verify, report, gate",
    "config": "check the configuration and what it names",
    "export": "rules as admission policies for a cluster",
    "rules": "list, show, document, start and test rules",
}
"""Command name -> one-line help. The module is `ci_guard.commands.<name>`."""
