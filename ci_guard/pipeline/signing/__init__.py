"""From the command line to whoever signs, and what is signed."""
