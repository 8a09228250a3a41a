"""IEMOCAP, on a tree in the layout of the release; its labels are written here."""

import pytest

from sertk import corpora, labels
from sertk.errors import CorpusError, UnknownNameError
from sertk.manifest import remarks
from tests.corpora import trees
from tests.errors import raises

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"


def dialog(root, name, utterances):
    """Write the label file and the sound of one dialog: utterance -> category."""
    session = root / f"Session{name[4]}"
    lines = [HEADER]
    for number, (utterance, category) in enumerate(utterances.items()):
        lines.append(
            f"[{number}.0000 - {number}.9000]\t{utterance}\t{category}\t[2.5000, 2.5000, 2.5000]\n"
            "C-E2:\tNeutral;\t()\nC-E1:\tAnger;\t()\nC-F1:\tSadness;\t()\n"
            "A-E3:\tval 3; act 2; dom  2;\t()\n\n"
        )
        trees.sound(session / "sentences" / "wav" / name / f"{utterance}.wav")
    trees.text(session / "dialog" / "EmoEvaluation" / f"{name}.txt", "".join(lines))
    trees.sound(session / "dialog" / "wav" / f"{name}.wav")
    return session


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "IEMOCAP_full_release"
    said = {"F000": "neu", "F001": "xxx", "M000": "ang", "M001": "oth"}
    session = dialog(root, "Ses01F_impro01", {f"Ses01F_impro01_{k}": v for k, v in said.items()})
    trees.text(
        session / "dialog" / "transcriptions" / "Ses01F_impro01.txt",
        "Ses01F_impro01_F000 [000.0000-000.9000]: Excuse me.\nM: yes\n",
    )
    said = enumerate(["hap", "sad", "exc", "fru", "fea", "sur", "dis", "neu", "zzz"])
    dialog(root, "Ses05M_script01_1b", {f"Ses05M_script01_1b_F{n:03}": word for n, word in said})
    return root


def test_labels_speakers_and_styles(release):
    found = corpora.scan("iemocap", release)
    rows = found.set_index("utterance_id")
    man = rows.loc["iemocap_Ses01F_impro01_M000"]
    # the F of the dialog's name wears the markers; the speaker is the M of the last part
    assert (man["speaker"], man["gender"], man["emotion"]) == ("iemocap_Ses01M", "male", "angry")
    assert (man["session"], man["style"]) == ("Ses01", "improvised")
    assert man["path"] == "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav"
    assert rows.loc["iemocap_Ses01F_impro01_F000", "text"] == "Excuse me."
    scripted = found[found["style"] == "scripted"]
    assert set(scripted["speaker"]) == {"iemocap_Ses05F"}
    emotions = "happy sad excited frustrated fearful surprised disgust neutral"
    assert scripted["emotion"].tolist() == emotions.split()
    assert remarks.of(found).skipped == {
        "complete dialog (dialog/wav)": 2,
        "category oth (another emotion)": 1,
        "category xxx (no agreement)": 1,
        "category zzz (unknown)": 1,
    }
    assert len(labels.apply(found, "iemocap4")) == 6
    assert len(labels.apply(found, "iemocap4_strict")) == 5


def test_the_folder_above_and_one_style(release):
    found = corpora.scan("iemocap", release.parent, style="improvised")
    assert found["style"].tolist() == ["improvised", "improvised"]
    assert found["path"][0].startswith("IEMOCAP_full_release/Session1/")
    assert remarks.of(found).skipped["scripted (style='improvised' requested)"] == 9
    with raises(UnknownNameError, "unknown-name", "Did you mean 'improvised'"):
        corpora.scan("iemocap", release, style="improvized")


def test_shadow_files_missing_sound_and_second_labels(release):
    session = release / "Session1"
    trees.text(session / "dialog/EmoEvaluation/._Ses01F_impro01.txt", "\x00\x05")
    trees.text(session / "sentences/wav/Ses01F_impro01/._Ses01F_impro01_F000.wav")
    trees.sound(session / "sentences/wav/Ses01F_impro01/Ses01F_impro01_F009.wav")
    (session / "sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav").unlink()
    label = "[0.0000 - 0.9000]\tSes01F_impro01_F000\tsad\t[2.5000, 2.5000, 2.5000]\n"
    trees.text(session / "dialog/EmoEvaluation/Ses01F_impro02.txt", HEADER + label)
    trees.text(session / "dialog/EmoEvaluation/Categorical/Ses01F_impro01_e1_cat.txt", label)
    found = corpora.scan("iemocap", release, style="improvised")
    assert found["emotion"].tolist() == ["neutral"]
    skipped = remarks.of(found).skipped
    assert skipped["macOS metadata (._ files)"] == 2
    assert skipped["label without audio"] == 1
    assert skipped["audio without label"] == 1
    assert skipped["second label of an utterance"] == 1


def test_labels_without_sound(release):
    for path in release.rglob("sentences/wav/*/*.wav"):
        path.unlink()
    with raises(CorpusError, "no-corpus-files"):
        corpora.scan("iemocap", release)
