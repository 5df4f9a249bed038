"""Files and documents with exact positions; nothing here judges.

files      walk a tree, read regular files inside the root only
text       bytes -> text with a line table (CR, LF, CRLF)
reader     `read(path, data, dialect)` -> Document | Unreadable, streamed
document   the value of a document and where each of its nodes stands
edit       change a file's text by regions, keeping every other byte
revision   git, run without anything that the repository configures
"""
