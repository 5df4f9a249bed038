"""Which policy judges, and what a change may not do to it."""
