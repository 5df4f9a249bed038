"""What bills of materials are made from, and what is asked of finished ones."""
