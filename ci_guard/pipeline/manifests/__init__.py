"""How one manifest, and then the repo as a whole, is judged."""
