"""The only room that opens a socket: Sigstore, registries, GitHub, advisories; all through `http`."""
