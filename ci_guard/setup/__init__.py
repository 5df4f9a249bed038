"""What `ci-guard init` detects in a repository, and the texts that it writes."""
