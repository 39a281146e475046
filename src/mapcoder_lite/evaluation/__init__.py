"""What a finished run says: rates with intervals, costs, failures, paired comparisons.

Knows: run directories.
Does not know: how a run was made.
"""
