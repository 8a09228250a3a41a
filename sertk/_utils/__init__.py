"""Shared helpers: argument checks, atomic files, seeds, Keras backend, JSON records, timing."""
