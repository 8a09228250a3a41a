"""What several rooms need: options checked, files written whole, seeds, backend, records, time."""
