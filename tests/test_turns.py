"""Who speaks when: tables of turns, as CSV and RTTM."""

import pytest

from sertk.errors import ConfigurationError
from sertk.predict import turns as turning
from tests.errors import raises


def test_turns_are_read_from_csv_and_rttm(tmp_path):
    csv, rttm = tmp_path / "t.csv", tmp_path / "t.RTTM"
    csv.write_text("start,end,speaker\n0,4,ann\n4,9.5,bob\n")
    rttm.write_text(
        ";; a comment\nSPEAKER talk 1 0.0 4.0 <NA> <NA> ann <NA> <NA>\n"
        "SPEAKER talk 1 4.0 5.5 <NA> <NA> bob <NA> <NA>\n"
    )
    for path in (csv, rttm):
        turns = turning.read(path)
        spoken = [turns.speaker(a, b) for a, b in ((0, 3), (3, 6), (9, 12), (9.5, 12))]
        assert spoken == ["ann", "bob", "bob", None]
    assert turning.read("self").speaker(100, 103) == "self"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("start,end\n0,1\n", "invalid-turns"), ("start,end,speaker\n", "invalid-turns"),
        ("start,end,speaker\n3,1,ann\n", "invalid-turns"),
        ("start,end,speaker\nx,1,ann\n", "invalid-turns"),
        ("start,end,speaker\n0,1,\n", "invalid-turns"), ("", "unreadable-turns"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_turns(text, code, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with raises(ConfigurationError, code, str(path)):
        turning.read(path)
    rttm = tmp_path / "t.rttm"
    rttm.write_text("SPEAKER talk 1 zero 4.0 <NA> <NA> ann <NA> <NA>\n")
    with raises(ConfigurationError, "unreadable-turns"):
        turning.read(rttm)
    with raises(ConfigurationError, "unreadable-turns"):
        turning.read(tmp_path / "none.csv")
