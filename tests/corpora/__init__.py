"""The corpora family, one file per corpus, and what all of them owe."""
