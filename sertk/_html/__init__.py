"""HTML pages: their frame, style sheet and audio players."""
