"""The Notary Project's signatures on images: envelope, certificates, trust policy, and the steps of a verdict."""
