"""A run's models used again: disturbed speech, other corpora, saliency, embeddings.

In: a finished run and its recordings. Out: Displays and pages. All of it predicts with `replay`,
which puts each utterance through the model of the fold that tested it.
"""
