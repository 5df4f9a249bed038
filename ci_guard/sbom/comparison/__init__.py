"""Two bills of materials against each other: what came, what went, what is another now, and which way it came in."""
