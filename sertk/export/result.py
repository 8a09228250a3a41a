"""The result of an export: path, parity, latency."""

import html
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True, repr=False)
class Exported:
    """A file that was written, because it answers as the trained model does.

    Args:
        path: The file.
        parity: One row: the largest difference between probabilities, the agreement of labels,
            the UAR of both.
        latency: Time for one clip and size, by engine and number of threads.
        note: What it was compared on.
    """

    path: Path
    parity: pd.DataFrame
    latency: pd.DataFrame
    note: str

    def __repr__(self) -> str:
        parity = self.parity.to_string(na_rep="-", float_format="{:.3g}".format)
        latency = self.latency.to_string(float_format="{:.3g}".format)
        return f"{self.path}, compared {self.note}\n\n{parity}\n\n{latency}"

    def _repr_html_(self) -> str:
        tables = (self.parity, self.latency)
        shown = "".join(table.to_html(float_format="{:.3g}".format, na_rep="-") for table in tables)
        return f"<p><b>{html.escape(str(self.path))}</b>, {html.escape(self.note)}</p>{shown}"

    def to_dict(self) -> dict[str, object]:
        """Hand out everything as plain values; what is not known is `None`."""
        tables = {"parity": self.parity, "latency": self.latency}
        plain = {
            name: table.astype(object).where(table.notna(), None).reset_index().to_dict("records")
            for name, table in tables.items()
        }
        return {"path": str(self.path), "note": self.note, **plain}
