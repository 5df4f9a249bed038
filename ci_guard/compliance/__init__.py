"""What a report says about the controls of a framework, and about threats. It states evidence, never conformity."""
