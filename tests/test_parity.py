"""What an exported file is compared with Keras on, and by which numbers."""

import numpy as np
import pytest

from sertk.errors import UnknownNameError
from sertk.export import clips, parity
from sertk.predict import spec as specs
from tests.errors import raises


def test_what_files_are_compared_on(trained, small_root, monkeypatch):
    spec, _ = specs.of_run(trained)
    roots = {"small": small_root}
    found = clips.of_run(trained, spec, ("test", "val"), roots)
    rows = trained.manifest
    assert found.labels == sorted(rows.loc[rows["split"] == "test", "label"])
    assert (len(found.labels), found.num_recorded, len(found.waveforms)) == (12, 24, 30)
    assert found.note == (
        "on 12 utterances of test speakers, 12 utterances of val speakers and 6 made sounds"
    )
    monkeypatch.setattr(clips, "MOST", 20)
    fewer = clips.of_run(trained, spec, ("test", "val", "train"), roots)
    assert (len(fewer.labels), fewer.num_recorded) == (12, 20)
    assert "12 utterances of test speakers, 8 utterances of val speakers and" in fewer.note
    with raises(UnknownNameError, "unknown-name", "Did you mean 'test'"):
        clips.of_run(trained, spec, ("tset",), roots)


def test_labels_agree_over_recordings_and_uar_over_the_labeled():
    sounds = clips.Clips([np.zeros(1, "f")] * 4, ["a", "b"], 3, "")
    reference = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    found = np.array([[0.4, 0.6], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])
    row = parity.compare("x", reference, found, sounds, ["a", "b"]).iloc[0]
    assert row["label_agreement"] == pytest.approx(2 / 3)  # the fourth is made
    assert row["max_difference"] == pytest.approx(0.5)
    assert (row["uar_keras"], row["uar"], row["uar_difference"]) == (1.0, 0.5, -0.5)
    assert (row["waveforms"], row["utterances"], row["labeled"]) == (4, 3, 2)
