"""How pages are written: their frame and style sheet, and players inside them."""
