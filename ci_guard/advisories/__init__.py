"""Advisories x components: OSV records, their databases, what they match, and what VEX says about it. No sockets."""
