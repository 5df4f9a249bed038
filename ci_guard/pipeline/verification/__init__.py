"""From the command line to what is trusted, and the verdicts about artifacts and images."""
