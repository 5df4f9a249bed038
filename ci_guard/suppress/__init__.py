"""Accepted findings: comments, annotations, configuration entries, baseline.

A suppression marks a finding, it never removes it. `comments` reads what a comment says, `directives` turns comments
and annotations into `Directive` values that know what they cover, `ledger` applies them and the configuration's
entries and reports what is wrong with them, `added` finds those that a change brings along, `baseline` is the file of
findings that were there before.

The findings about suppressions and policy (`policy/` rules) cannot be suppressed: a comment in a pull request would
otherwise silence the very report that tells of the comment. Who does not want them turns the rule off in the
configuration, which is read from the base commit.
"""
