"""TESS, CREMA-D and JL-Corpus: their layouts and traps; and R5's training set of four corpora."""

from sertk import corpora, labels, manifest
from sertk.errors import CorpusError
from sertk.manifest import remarks
from tests.corpora import trees
from tests.errors import raises

JL = "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)"
DEMOGRAPHICS = (
    "ActorID,Age,Sex,Race,Ethnicity\n"
    "1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Caucasian,Not Hispanic\n"
)


def column(frame, name):
    return dict(zip(frame["utterance_id"], frame[name], strict=True))


def test_tess_reads_names_whatever_the_folders_are_called(tmp_path):
    trees.sounds(
        tmp_path,
        "OAF_Fear/OAF_back_fear.wav",
        "OAF_Pleasant_surprise/OAF_back_ps.wav",
        "YAF_pleasant_surprised/YAF_bar_ps.wav",
        "OAF_neutral/OA_bite_neutral.wav",
        "TESS Toronto emotional speech set data/YAF_pleasant_surprised/YAF_bar_ps.wav",
        "YAF_sad/YAF_sad.wav",
    )
    found = corpora.scan("tess", tmp_path)
    assert column(found, "emotion") == {
        "tess_OAF_back_fear": "fearful",
        "tess_OAF_back_ps": "surprised",
        "tess_YAF_bar_ps": "surprised",
        "tess_OAF_bite_neutral": "neutral",
    }
    assert set(found["speaker"]) == {"tess_OAF", "tess_YAF"}
    assert set(found["gender"]) == {"female"}
    assert remarks.of(found).skipped == {"not a TESS file name": 1, "duplicate recording": 1}


def test_crema_d_knows_its_actors_from_the_table_alone(tmp_path):
    names = ("1001_DFA_ANG_XX", "1002_IEO_SAD_HI", "1091_WSI_FEA_LO", "1040_ITH_SAD_X")
    trees.sounds(tmp_path, *(f"AudioWAV/{name}.wav" for name in names))
    trees.sounds(tmp_path, "AudioWAV/readme.wav")
    unknown = corpora.scan("crema_d", tmp_path)
    assert unknown["gender"].isna().all()
    assert remarks.of(unknown).skipped == {"not a CREMA-D file name": 1}
    trees.text(tmp_path / "VideoDemographics.csv", DEMOGRAPHICS)
    for root in (tmp_path, tmp_path / "AudioWAV"):
        found = corpora.scan("crema_d", root).set_index("speaker")
        assert found.loc["crema_d_1001", "gender"] == "male"
        facts = found.loc["crema_d_1002", ["gender", "intensity", "emotion"]]
        assert facts.tolist() == ["female", "high", "sad"]
        assert found["gender"].isna().sum() == 2


def test_crema_d_with_another_table_is_refused(tmp_path):
    trees.sounds(tmp_path, "AudioWAV/1001_DFA_ANG_XX.wav")
    trees.text(tmp_path / "VideoDemographics.csv", "actor,years\n1001,51\n")
    with raises(CorpusError, "missing-actor-columns", "ActorID, Age, Sex"):
        corpora.scan("crema_d", tmp_path)


def test_jl_corpus_skips_and_counts_the_copies(tmp_path):
    trees.sounds(
        tmp_path,
        f"{JL}/female1_angry_10a_1.wav",
        f"{JL}/male2_anxious_3b_2.wav",
        f"{JL}/male2_anxious_3b_2(1).wav",
        f"{JL}/male1_encouraging_15b_2.wav",
        "Perception test/Version 1/q12.wav",
    )
    trees.text(tmp_path / f"{JL}/female1_angry_10a_1.txt")
    found = corpora.scan("jl_corpus", tmp_path)
    assert column(found, "emotion") == {
        "jl_corpus_female1_angry_10a_1": "angry",
        "jl_corpus_male2_anxious_3b_2": "anxious",
        "jl_corpus_male1_encouraging_15b_2": "encouraging",
    }
    assert set(found["gender"]) == {"female", "male"}
    assert remarks.of(found).skipped == {
        "duplicate file, named (1)": 1,
        "not a JL-Corpus file name": 1,
        "not audio (*.txt)": 1,
    }


def test_four_corpora_make_one_training_set_of_seven_labels(tmp_path):
    trees.sounds(tmp_path / "ravdess", "Actor_01/03-01-02-01-01-01-01.wav")
    trees.sounds(tmp_path / "emodb", "wav/03a01Lc.wav", "wav/03a01Ea.wav")
    trees.sounds(tmp_path / "tess", "OAF_back_ps.wav", "YAF_back_fear.wav")
    trees.sounds(
        tmp_path / "jl_corpus",
        *(f"male1_{word}_1a_1.wav" for word in ("anxious", "excited", "assertive", "happy")),
        *(f"female2_{word}_1a_1.wav" for word in ("sad", "angry")),
    )
    names = ("ravdess", "emodb", "tess", "jl_corpus")
    together = manifest.concatenate([corpora.scan(name, tmp_path / name) for name in names])
    labeled = labels.apply(together, "moody7")
    assert remarks.of(labeled).dropped == {"assertive": 1}
    assert labels.classes(labeled) == [
        "neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised",
    ]  # fmt: skip
    by_id = column(labeled, "label")
    assert by_id["ravdess_03-01-02-01-01-01-01"] == by_id["emodb_03a01Lc"] == "neutral"
    assert by_id["jl_corpus_male1_anxious_1a_1"] == by_id["tess_YAF_back_fear"] == "fearful"
    assert by_id["jl_corpus_male1_excited_1a_1"] == by_id["tess_OAF_back_ps"] == "surprised"
