"""Kubernetes manifests: documents -> resources -> subjects, and what is known of images and namespaces."""
