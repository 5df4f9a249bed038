"""Lockfiles, images and manifests become components; components become CycloneDX and SPDX documents."""
