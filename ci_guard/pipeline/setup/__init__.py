"""`init`: what a repository needs for its first day."""
