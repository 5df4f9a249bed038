"""`deps pin`: digests and commits written where tags stand."""
