"""Rules as policies for a cluster: what judges manifests here, written so that the API server judges the same."""
