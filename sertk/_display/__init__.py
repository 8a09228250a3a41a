"""How results are shown: the look of every figure, and the base of every Display."""
