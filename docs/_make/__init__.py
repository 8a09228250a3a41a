"""What the documentation is built with: hooks of mkdocs, and scripts that measure or execute.

In: the package, notebooks/ and reports/. Out: pages for the site, and files in docs/figures.
"""

from pathlib import Path

ROOT = Path(__file__).parents[2]
