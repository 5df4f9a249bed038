"""Keys, statements, bundles and their verification. Nothing here opens a socket or reads a file.

`verification` says step by step why a bundle is accepted or refused; `signing` never hands out a bundle that
`verification` refuses.
"""
