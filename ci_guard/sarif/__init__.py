"""SARIF 2.1.0 <-> Report: the only module family that knows the format."""
