"""Container images at rest: OCI layouts and `docker save` archives, from index to manifest to layers to files."""
