"""Options that several commands share: one spelling, one meaning, one help text.

A shared option defaults to None: "not given", so that `config` can apply option > environment > file > default.
"""

from __future__ import annotations

import argparse

from ci_guard.model.finding import Severity

FORMATS = ("text", "json", "sarif", "github", "gitlab", "junit", "markdown")
FAIL_ON = (*(str(s) for s in Severity), "never")


def add_output(parser: argparse.ArgumentParser, formats: tuple[str, ...] = FORMATS) -> None:
    """`--format`, `--output`, `--quiet`, `--no-color`."""
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=formats, default=None, help="how to print the result (default: text)")
    group.add_argument(
        "--output", metavar="FILE", default=None, help="write the result to FILE instead of the terminal"
    )
    group.add_argument("--quiet", action="store_true", default=None, help="print findings only, no summary")
    group.add_argument("--no-color", action="store_true", default=None, help="no colours (NO_COLOR does the same)")


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Which rules judge, what fails, what was accepted; `.ci-guard.yaml` may set those that it knows."""
    group = parser.add_argument_group("policy")
    group.add_argument("--config", metavar="FILE", default=None, help="configuration (default: .ci-guard.yaml)")
    group.add_argument("--profile", metavar="NAME", default=None, help="which rules: default, pss-baseline, …")
    group.add_argument(
        "--extends", metavar="FILE", default=None, help="a shared policy, which the repo may only tighten"
    )
    add_rules(group)
    group.add_argument("--select", metavar="RULE,…", default=None, help="also judge by these rules")
    group.add_argument("--ignore", metavar="RULE,…", default=None, help="do not judge by these rules")
    group.add_argument("--pod-security-version", metavar="v1.N", default=None, help="Pod Security version, or latest")
    group.add_argument("--fail-on", choices=FAIL_ON, default=None, help="lowest severity that fails (default: high)")
    group.add_argument("--baseline", metavar="FILE", default=None, help="findings that were accepted earlier")
    group.add_argument("--base", metavar="REV", default=None, help="judge by the policy of REV (a pull request's base)")
    group.add_argument("--since", metavar="REV", default=None, help="only what is new since REV")


def add_rules(group: argparse._ActionsContainer) -> None:
    """`--rules DIR`."""
    group.add_argument("--rules", metavar="DIR", action="append", default=None, help="a folder of own rules")


def add_advisories(parser: argparse.ArgumentParser) -> None:
    """`--advisories`, `--advisories-max-age`, `--kubernetes-version`, `--vex`."""
    group = parser.add_argument_group("advisories")
    group.add_argument("--advisories", metavar="PATH,…", default=None, help="databases (default: of `deps db update`)")
    group.add_argument("--advisories-max-age", metavar="DAYS", default=None, help="how old they may be (default: 7)")
    group.add_argument("--kubernetes-version", metavar="1.N.P", default=None, help="the cluster's version")
    group.add_argument("--vex", metavar="FILE,…", default=None, help="VEX documents: OpenVEX, CycloneDX, CSAF")
    group.add_argument("--osv-url", metavar="URL", default=None, help="with --online: ask this OSV service")


def add_online(parser: argparse.ArgumentParser) -> None:
    """`--online`: the only switch that opens a socket."""
    parser.add_argument("--online", action="store_true", default=None, help="allow network access")


def add_images(parser: argparse.ArgumentParser) -> None:
    """Where the images are whose contents belong into the bill of materials."""
    archive = "layout or archive (oci:DIR, oci-archive:FILE, docker-archive:FILE) with images that manifests deploy"
    parser.add_argument("--image-archive", metavar="PLACE", action="append", default=[], help=archive)
    platform = "of several images for one name, which (default: linux/amd64)"
    parser.add_argument("--platform", metavar="OS/ARCH", default="", help=platform)
