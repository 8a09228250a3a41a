"""The page of a run: whole, self-contained, escaped, readable, and honest about what it shows."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from sertk import evaluation, report
from sertk._html import audio_player, pages
from sertk.errors import ManifestError, RunError
from sertk.report import matrix, page, sentences
from tests import fake_run
from tests.errors import raises

VOID = {"meta", "link", "img", "input", "br", "wbr", "hr"}


class Page(HTMLParser):
    """What stands in a page: elements with their attributes, ids, text; and whether tags match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.mismatched = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mismatched.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def read(path):
    text = path.read_text(encoding="utf-8")
    found = Page(text)
    assert not found.mismatched
    assert not found.open
    return text, found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return fake_run.write(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def written(run):
    return read(report.write_html(run))


def small(folder, **kwargs):
    config = {"classes": ("happy", "sad", "angry"), "speakers": 4, "folds": 1, "seeds": (0,)}
    return fake_run.write(folder, **config | kwargs)


def test_every_section_is_there_and_linked(written):
    _, found = written
    ids = [attrs["id"] for _, attrs in found.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    usual = set(page._SECTIONS) - {"original", "importance", "enrolment"}  # of some models alone
    assert usual <= set(ids)
    assert {a["href"] for a in found.all("a")} == {f"#{name}" for name in usual}
    for name in ("ravdess", "emotion8", "compact", "20 speakers, folds: 4"):
        assert name in found.words


def test_the_page_asks_the_network_for_nothing(written):
    text, found = written
    assert "http://" not in text
    assert "https://" not in text
    assert "//cdn" not in text
    assert "@import" not in text
    for tag, attrs in found.elements:
        for name in ("src", "href", "action", "poster", "srcset"):
            assert attrs.get(name, "#").startswith(("#", "data:")), (tag, attrs)
    (policy,) = [m["content"] for m in found.all("meta") if "http-equiv" in m]
    assert "default-src 'none'" in policy


def test_the_page_is_small_and_the_same_each_time(run, written, tmp_path):
    text, _ = written
    assert len(text.encode()) < 600_000
    assert report.write_html(run, tmp_path / "again" / "page.html").read_text("utf-8") == text


def test_references_inside_figures_lead_somewhere(written):
    text, found = written
    ids = {attrs["id"] for _, attrs in found.elements if "id" in attrs}
    assert set(re.findall(r"url\(#([^)\"]+)\)", text)) <= ids
    assert {h["href"][1:] for h in found.all("use")} <= ids


def test_every_figure_says_what_it_shows(written):
    _, found = written
    pictures = found.all("svg")
    assert len(pictures) == 8  # four figures, each for wide and for narrow pages
    for attrs in pictures:
        assert attrs["role"] == "img"
        assert len(attrs["aria-label"]) > 30
    assert "UAR of one speaker, %" in found.words
    assert "epoch" in found.words


def test_numbers_stand_with_interval_and_n(run, written):
    _, found = written
    result = evaluation.evaluate(run)
    interval = result.interval()
    assert f"{100 * result.uar:.1f}" in found.words
    assert f"{100 * interval.low:.1f} to {100 * interval.high:.1f}" in found.words
    assert "640 utterances of 20 test speakers, 4 folds, 3 seeds" in found.words
    for name in ("valence2", "valence3", "basic5", "merged_negative"):
        assert name in found.words
    for word in ("by gender", "by intensity", "ravdess_07", "sd", "12.5"):
        assert word in found.words


def test_tables_have_captions_and_scopes(written):
    _, found = written
    assert len(found.all("caption")) == len(found.all("table"))
    assert all("scope" in attrs for attrs in found.all("th"))


def test_the_matrix_has_three_views_that_need_no_script(written):
    _, found = written
    radios = [attrs for attrs in found.all("input") if attrs["type"] == "radio"]
    assert [r["id"] for r in radios] == ["view-true", "view-pred", "view-counts"]
    cells = [attrs for attrs in found.all("td") if "title" in attrs]
    assert len(cells) == 3 * 64
    assert re.fullmatch(r"\d+ . neutral predicted as neutral", cells[0]["title"])


def test_every_cell_and_every_word_has_contrast():
    for value in np.linspace(0, 1, 101):
        background, ink = matrix.colors(value)
        assert _contrast(background, ink) >= 4.5
    style = pages.style()
    themes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(themes) == 3  # light, dark, print
    for theme in themes:
        colors = dict(re.findall(r"--([\w-]+): (#\w{6})", theme))
        for ink in ("ink", "muted", "accent", "second"):
            for behind in ("paper", "sheet", "wash"):
                assert _contrast(colors[ink], colors[behind]) >= 4.5, (ink, behind)
        for band in ("red", "yellow"):
            assert _contrast(colors[band], colors[f"{band}-wash"]) >= 4.5


def _contrast(one, other):
    lights = sorted(
        matrix.luminance(tuple(int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)))
        for c in (one, other)
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def test_hostile_names_are_text(tmp_path):
    hostile = "<script>alert(1)</script>"
    run = small(
        tmp_path, classes=(hostile, "a&b", '"quoted" $x$'), corpus="corpus",
        corpora=[hostile], command=f"sertk cv '{hostile}'",
        audit=[{"kind": hostile, "message": hostile, "severity": "leak", "rows": 1}],
        protocol={"name": "x", "sentence": hostile, "leaky": True},
        dropped={hostile: 2},
        unreadable=[{"utterance_id": "u", "path": hostile, "reason": hostile}],
    )  # fmt: skip
    text, found = read(report.write_html(run))
    assert len(found.all("script")) == 1
    assert "alert(1)" not in text.replace("&lt;script&gt;alert(1)&lt;/script&gt;", "")
    assert hostile in found.words


def test_a_leak_that_the_audit_found_has_a_red_band(tmp_path):
    finding = {"kind": "identical sound", "message": "two rows are one file", "rows": 2}
    run = small(tmp_path / "leak", audit=[finding | {"severity": "leak"}])
    _, found = read(report.write_html(run))
    assert "do not hold for new speakers. Two rows are one file." in found.words
    run = small(tmp_path / "note", audit=[finding | {"severity": "note"}])
    _, found = read(report.write_html(run))
    assert "do not hold for new speakers" not in found.words
    assert "identical sound" in found.words


def test_a_clean_run_has_no_band_and_says_so(written):
    _, found = written
    assert not [attrs for attrs in found.all("div") if "band" in attrs.get("class", "")]
    assert "Audit for data leakage Nothing found." in found.words


def test_a_run_from_python_with_little_known_about_it(tmp_path):
    run = small(tmp_path, speakers=1, genders=False)
    for key in ("command", "git_commit", "environment", "audit", "unreadable", "dropped",
                "wall_seconds", "peak_memory_mb", "data_sha256", "fits", "folds"):  # fmt: skip
        run.info.pop(key)
    run.folder.joinpath("run.json").write_text(json.dumps(run.info), encoding="utf-8")
    run.folder.joinpath("history.csv").unlink()
    _, found = read(report.write_html(run.folder))
    for sentence in (
        "no confidence interval for a single speaker",
        "started from Python",
        "difference between genders is unknown: genders unknown",
        "no interval",
        "Audit for data leakage Not run.",
        "has no learning curves",
        "unknown (n = 1)",
    ):
        assert sentence in found.words
    assert "Git commit" not in found.words
    assert "by gender" not in found.words
    assert " nan" not in found.words


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"protocol": {"name": "random", "sentence": "Random split.", "leaky": True}},
         ["do not hold for new speakers", "does not keep speakers apart"]),
        ({"synthetic": True}, ["Synthetic speech."]),
        ({"speakers": 2}, ["2 speakers are too few for a confidence interval",
                           "too few speakers per gender for a confidence interval"]),
        ({"skill": 30.0}, ["All predictions are right."]),
    ],
)  # fmt: skip
def test_what_limits_a_run_is_said(changes, sentences, tmp_path):
    _, found = read(report.write_html(small(tmp_path, **changes)))
    assert all(sentence in found.words for sentence in sentences)


def test_a_run_without_validation_scores(tmp_path):
    run = small(tmp_path)
    history = run.history.assign(val_loss=np.nan, val_uar=np.nan, val_wa=np.nan)
    history.to_csv(run.folder / "history.csv", index=False)
    rows = run.predictions
    rows[rows["split"] == "test"].to_csv(run.folder / "predictions.csv", index=False)
    _, found = read(report.write_html(run))
    assert "Temperature scaling" not in found.words
    assert "loss" in found.words


def test_a_class_nobody_speaks_is_pointed_out(tmp_path):
    run = small(tmp_path)
    rows = run.predictions
    rows[rows["label"] != "angry"].to_csv(run.folder / "predictions.csv", index=False)
    _, found = read(report.write_html(run))
    assert "Classes without utterances. angry" in found.words


def test_an_unfinished_run_says_what_to_do(tmp_path):
    run = small(tmp_path, status="unfinished")
    for write in (report.write_html, report.write_json):
        with raises(RunError, "unfinished-run"):
            write(run)
    with raises(RunError, "missing-run"):
        report.write_html(tmp_path / "nowhere")
    assert not list(tmp_path.glob("report*"))


def test_the_json_holds_the_same_numbers(run, tmp_path):
    path = report.write_json(run, tmp_path / "numbers.json")
    numbers = json.loads(path.read_text(encoding="utf-8"))
    result = evaluation.evaluate(run)
    assert numbers["headline"]["uar"]["value"] == result.uar
    assert numbers["headline"]["uar"]["low"] == result.interval().low
    assert numbers["confusion"] == result.confusion_matrix().frame().to_numpy().tolist()
    assert [row["class"] for row in numbers["per_class"]] == run.classes
    rows = result.rows
    for row in numbers["per_class"]:
        for gender in ("female", "male"):
            mine = rows[(rows["gender"] == gender) & (rows["label"] == row["class"])]
            recall = (mine["predicted"] == row["class"]).mean()
            assert row[f"recall_{gender}"] == pytest.approx(recall)
    assert len(numbers["by_speaker"]) == 20
    assert {row["value"] for row in numbers["by_condition"]["intensity"]} == {"normal", "strong"}
    assert numbers["gender_gap"]["value"] == result.by_gender().gap.value
    assert [g["name"] for g in numbers["regroupings"]][:2] == ["valence2", "valence3"]
    assert numbers["by_speaker"][0].keys() >= {"speaker", "gender", "uar", "classes", "utterances"}
    assert report.write_json(run) == run.folder / "report.json"


def test_missing_numbers_are_null(tmp_path):
    numbers = json.loads(report.write_json(small(tmp_path, speakers=1)).read_text("utf-8"))
    assert numbers["headline"]["uar"]["low"] is None
    assert numbers["gender_gap"]["value"] is None


def test_sound_is_embedded_when_asked_for(tmp_path):
    run = small(tmp_path / "run", takes=2, skill=0.5)
    root = tmp_path / "corpus"
    for place, name in enumerate(run.manifest["path"]):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(9600) / 48_000
        soundfile.write(file, 0.2 * np.sin(2 * np.pi * (300 + 20 * place) * time), 48_000)
    _, silent = read(report.write_html(run))
    assert not silent.all("audio")
    assert not silent.all("img")
    _, found = read(report.write_html(run, audio=True, roots={"ravdess": root}))
    sounds = found.all("audio")
    assert len(sounds) == len(found.all("img")) > 3
    assert all(attrs["alt"].startswith("Spectrogram of") for attrs in found.all("img"))
    head, content = sounds[0]["src"].split(",", 1)
    assert head == "data:audio/ogg;base64"
    waveform, rate = soundfile.read(io.BytesIO(base64.b64decode(content)))
    assert rate == audio_player.SAMPLE_RATE
    assert len(waveform) == pytest.approx(0.2 * rate, abs=1)


def test_sound_without_a_root_says_what_to_pass(tmp_path, monkeypatch):
    monkeypatch.delenv("SERTK_CORPORA", raising=False)
    with raises(ManifestError, "no-root-folder", "'ravdess'"):
        report.write_html(small(tmp_path), audio=True)


def test_a_minute_of_sound_is_encoded_whole():
    wave = np.sin(np.arange(60 * audio_player.SAMPLE_RATE) / 5).astype("float32")
    content, rate = soundfile.read(io.BytesIO(audio_player.opus(wave, audio_player.SAMPLE_RATE)))
    assert (len(content), rate) == (len(wave), audio_player.SAMPLE_RATE)


def test_thumbnails_of_short_and_silent_clips():
    for wave in (np.zeros(10, "float32"), np.zeros(16_000, "float32")):
        assert audio_player.thumbnail(wave).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        ({"value": 0.1, "low": 0.02, "high": 0.2, "note": ""}, "10.0 points higher for female"),
        ({"value": -0.1, "low": -0.2, "high": 0.02, "note": ""}, "includes zero"),
        ({"value": 0.1, "low": None, "high": None, "note": ""}, "too few speakers per gender"),
    ],
)
def test_the_gap_in_words(gap, said):
    assert said in sentences.gap({"gender_gap": gap})


def test_who_chose_the_epochs_is_said():
    fits = [{"best_epoch": 8}, {"best_epoch": 8}]
    said = sentences.learning(fits, "val_uar", "best")
    assert "the best by val_uar on validation speakers" in said
    assert "last epoch was kept (epoch 8)" in sentences.learning(fits, "val_uar", "last")
