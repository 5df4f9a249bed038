"""Rules judge subjects: the catalogue, which rules are selected, and how they are evaluated."""
