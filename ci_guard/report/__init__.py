"""Reporters: a report and a verdict become text for a person, or a format for a machine."""
