"""What the pages of the documentation are made of: one file makes one kind of page or figure.

In: the notebooks, the package, CONTRIBUTING.md, reports/ and figures/. Out: Markdown, which
`hooks` hands to mkdocs. Nothing here asks the network for anything.
"""

from pathlib import Path

ROOT = Path(__file__).parents[2]
