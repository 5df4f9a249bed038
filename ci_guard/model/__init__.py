"""The types that every room shares. Standard library only; nothing here reads a file or opens a socket."""
