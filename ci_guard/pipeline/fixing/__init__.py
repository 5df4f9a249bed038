"""Edits of findings, written into their files and proven."""
