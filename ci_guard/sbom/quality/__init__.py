"""What a bill of materials should say and does not: by its format's schema, and by the published minimum elements."""
