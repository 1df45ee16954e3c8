"""The language of `when`: comparisons over values, bounded in length, depth and time.

    score.output.value >= 7 and contains(research.output, "yes")

There are no loops, no assignments, no calls but those in `FUNCTIONS`, and no members but
those of JSON values, so that evaluating takes as long as the expression is.
"""
