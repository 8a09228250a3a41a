"""What sertk is to be good at, measured against what a user would write instead.

In: a copy of RAVDESS if there is one, else synthetic speech. Out: one record per figure, as JSON
and as a table: `python -m benchmarks`, or `make bench`. It is no part of the installed package.
"""
