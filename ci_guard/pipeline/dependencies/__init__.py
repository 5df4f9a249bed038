"""What is asked of packages beyond what their own entry says."""
