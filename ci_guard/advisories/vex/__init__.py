"""VEX: what somebody who looked says about a vulnerability in a product: OpenVEX, CycloneDX, CSAF, one meaning."""
