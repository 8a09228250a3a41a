"""Figures and Displays: the style of every figure, and the base class of every Display."""
