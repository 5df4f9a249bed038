"""What other linters were told to accept, and which of our rules that concerns. One tool, one module."""
