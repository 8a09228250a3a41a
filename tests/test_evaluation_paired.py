"""Two runs compared: intervals against a loop, p-values against scipy, and honest refusals."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as oracle

from sertk import evaluation
from sertk.errors import ConfigurationError
from sertk.evaluation import paired
from tests import fake_run, interval_by_hand
from tests.errors import raises


def table(skill, speakers=9, seed=0, seeds=1):
    """Predictions of equally many utterances of each speaker, right with some chance."""
    rng, names = np.random.default_rng(seed), np.array(list("abc"))
    truth = pd.DataFrame(
        [(s, k, k % 3) for s in range(speakers) for k in range(30)], columns=["s", "k", "c"]
    )
    rows = []
    for number in range(seeds):
        right = rng.uniform(size=len(truth)) < skill + 0.15 * np.sin(truth["s"])
        predicted = np.where(right, truth["c"], (truth["c"] + rng.integers(1, 3, len(truth))) % 3)
        rows.append(
            pd.DataFrame(
                {
                    "utterance_id": truth["s"].astype(str) + "_" + truth["k"].astype(str),
                    "speaker": "s" + truth["s"].astype(str), "seed": number,
                    "label": names[truth["c"]], "predicted": names[predicted],
                }
            )
        )  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def scored(rows):
    return evaluation.evaluate(rows, classes=list("abc"))


@pytest.fixture(scope="module")
def pair():
    return table(0.7, seed=1), table(0.6, seed=2)


def test_differences_equal_scikit_learn(pair):
    shown = evaluation.compare(*map(scored, pair), names=("better", "worse"))
    found = shown.frame()
    for metric, score in (("uar", oracle.balanced_accuracy_score), ("wa", oracle.accuracy_score)):
        expected = [score(rows["label"], rows["predicted"]) for rows in pair]
        assert found.loc[metric, ["first", "second"]].tolist() == pytest.approx(expected)
        assert found.loc[metric, "difference"] == pytest.approx(expected[0] - expected[1])
    assert (found["speakers"] == 9).all()
    assert (found["utterances"] == 270).all()
    assert shown.speakers["difference"].mean() == pytest.approx(found.loc["uar", "difference"])
    assert "better" in shown._repr_html_()
    assert shown.plot().get_xlabel().endswith("better is better")


def test_the_permutation_test_is_that_of_scipy(pair):
    found = evaluation.compare(*map(scored, pair)).frame().loc["wa", "p"]
    right = [(rows["label"] == rows["predicted"]).groupby(rows["speaker"]).mean() for rows in pair]
    expected = stats.permutation_test(
        [right[0].to_numpy(), right[1].to_numpy()], lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples", n_resamples=np.inf, vectorized=True,
    )  # fmt: skip
    assert found == pytest.approx(expected.pvalue)


def test_the_permutation_test_of_uar_is_that_of_a_loop_over_swaps():
    pair = table(0.7, speakers=5, seed=3), table(0.6, speakers=5, seed=4)
    one, other = (rows.set_index(["speaker", "utterance_id"]) for rows in pair)

    def difference(swapped):
        mixed = []
        for a, b in ((one, other), (other, one)):
            parts = [(b if f"s{k}" in swapped else a).loc[f"s{k}"] for k in range(5)]
            rows = pd.concat(parts)
            mixed.append(oracle.balanced_accuracy_score(rows["label"], rows["predicted"]))
        return abs(mixed[0] - mixed[1])

    ways = [
        difference({f"s{k}" for k in range(5) if flags[k]})
        for flags in product((False, True), repeat=5)
    ]
    expected = np.mean(np.array(ways) >= ways[0] - 1e-12)
    assert evaluation.compare(*map(scored, pair)).frame().loc["uar", "p"] == pytest.approx(expected)


def test_many_speakers_are_swapped_at_random(monkeypatch):
    pair = table(0.62, speakers=10, seed=5), table(0.6, speakers=10, seed=6)
    exact = evaluation.compare(*map(scored, pair)).frame()["p"]
    monkeypatch.setattr(paired, "_ALL_SWAPS", 5)
    drawn = evaluation.compare(*map(scored, pair)).frame()["p"]
    np.testing.assert_allclose(drawn, exact, atol=0.03)
    assert (drawn != exact).any()


def test_the_interval_draws_the_same_speakers_in_both(pair):
    rng = np.random.default_rng(0)
    parts = [[part for _, part in rows.groupby("speaker")] for rows in pair]
    drawn = []
    for _ in range(600):
        chosen = rng.integers(0, 9, 9)
        scores = [
            oracle.balanced_accuracy_score(rows["label"], rows["predicted"])
            for rows in (pd.concat([part[k] for k in chosen]) for part in parts)
        ]
        drawn.append(scores[0] - scores[1])
    row = evaluation.compare(*map(scored, pair)).frame().loc["uar"]
    expected = interval_by_hand.ends(row["difference"], drawn, 9, (-1, 1))
    assert row[["low", "high"]].tolist() == pytest.approx(expected, abs=0.02)
    back = paired.difference(tuple(map(scored, pair[::-1])))
    assert back.value == pytest.approx(-row["difference"])
    assert (back.low, back.high) == pytest.approx((-row["high"], -row["low"]), abs=0.005)


def test_several_pairs_share_the_draw_of_speakers():
    """Equal and opposite differences cancel for every draw, whoever is drawn."""
    one, other = scored(table(0.9, seed=1)), scored(table(0.5, seed=2))
    both = paired.difference((one, other), (other, one))
    assert (both.value, both.low, both.high) == pytest.approx((0, 0, 0), abs=1e-12)
    alone = paired.difference((one, other))
    assert alone.low > 0
    assert paired.difference((one, other), (one, one)).value == pytest.approx(alone.value / 2)


def test_seeds_are_averaged_and_are_no_evidence():
    rows = table(0.7, seed=1)
    twice = pd.concat([rows, rows.assign(seed=1)], ignore_index=True)
    other = scored(table(0.6, seed=2))
    pd.testing.assert_frame_equal(
        evaluation.compare(scored(twice), other).frame(),
        evaluation.compare(scored(rows), other).frame(),
    )


def test_seeds_that_disagree_widen_the_interval_as_in_a_loop():
    """A training that is luckier in each seed is no better, however sure its speakers are."""
    lucky = [table(skill, seed=k).assign(seed=k) for k, skill in enumerate((0.85, 0.55, 0.62))]
    plain = [table(0.65, seed=10 + k).assign(seed=k) for k in range(3)]
    sides = [pd.concat(side, ignore_index=True) for side in (lucky, plain)]
    shown = evaluation.compare(*map(scored, sides))
    row = shown.frame().loc["uar"]
    assert "over speakers and the seeds of first and second, p" in shown.note

    rng = np.random.default_rng(1)
    parts = [
        [[of[of["speaker"] == f"s{k}"] for k in range(9)] for of in seeds]
        for seeds in (lucky, plain)
    ]
    drawn = []
    for _ in range(400):
        speakers, seeds = rng.integers(0, 9, 9), rng.integers(0, 3, 2)
        rows = [pd.concat([part[s][k] for s in seeds for k in speakers]) for part in parts]
        scores = [oracle.balanced_accuracy_score(r["label"], r["predicted"]) for r in rows]
        drawn.append(scores[0] - scores[1])
    expected = interval_by_hand.ends(row["difference"], drawn, 9, (-1, 1))
    assert row[["low", "high"]].tolist() == pytest.approx(expected, abs=0.03)
    assert row["difference"] == pytest.approx(np.mean(drawn), abs=0.03)

    merged = [side.assign(seed=0, utterance_id=side["utterance_id"] + side["seed"].astype(str))
              for side in sides]  # fmt: skip
    narrow = paired.difference(tuple(map(scored, merged)))
    assert row["high"] - row["low"] > 1.5 * (narrow.high - narrow.low)


def test_luck_of_trainings_seldom_looks_sure():
    """Sixty pairs that differ by luck alone; drawing speakers only, one in four looked sure."""
    rng = np.random.default_rng(0)

    def trained():
        skills = rng.normal(0.6, 0.03, 3)
        rows = [table(s, speakers=10, seed=int(rng.integers(2**30))) for s in skills]
        return pd.concat([r.assign(seed=k) for k, r in enumerate(rows)], ignore_index=True)

    sure = {"speakers and seeds": 0, "speakers": 0}
    for _ in range(60):
        sides = [trained(), trained()]
        pooled = [side.assign(utterance_id=side["utterance_id"] + side["seed"].astype(str), seed=0)
                  for side in sides]  # fmt: skip
        for drawn, pair in (("speakers and seeds", sides), ("speakers", pooled)):
            found = paired.difference(tuple(map(scored, pair)))
            sure[drawn] += found.low > 0 or found.high < 0
    assert sure["speakers and seeds"] <= 6
    assert sure["speakers"] >= 12


def test_each_side_has_all_of_its_seeds():
    rows = [table(0.5 + 0.1 * k, seed=k).assign(seed=k) for k in range(3)]
    two, three = scored(pd.concat(rows[:2])), scored(pd.concat(rows))
    for other, said in (
        (two, "the seeds of first and second,"),
        (scored(rows[0]), "the seeds of first,"),
    ):
        shown = evaluation.compare(three, other)
        assert said in shown.note
        row = shown.frame().loc["uar"]
        assert row[["first", "second"]].tolist() == pytest.approx([three.uar, other.uar])
        assert row["low"] < row["difference"] < row["high"]
    # skills of 50 to 70 % differ as trainings do, whichever numbers their seeds have
    renamed = three.rows.assign(seed=three.rows["seed"] + 7)
    widths = [
        found.high - found.low
        for found in (paired.difference((three, scored(side))) for side in (three.rows, renamed))
    ]
    assert widths[0] == 0
    assert widths[1] > 0.1


def test_speakers_and_seeds_may_be_called_anything(pair):
    rows = pair[0].assign(speaker=pair[0]["speaker"].str[1:].astype(int), seed="first")
    rows.loc[rows["speaker"] == 3, "speaker"] = None
    one, other = scored(rows), scored(rows.assign(predicted="a", seed="second"))
    found = paired.difference((one, other), (other, one), (one, other))
    assert found.speakers == 9
    assert found.value == pytest.approx((one.uar - other.uar) / 3)


def test_pairs_of_other_seeds_take_part_as_they_are():
    first = [scored(pd.concat([table(0.8, seed=k).assign(seed=k) for k in range(2)]))]
    first.append(scored(pd.concat([table(0.5, seed=5 + k).assign(seed=k) for k in range(2)])))
    single = scored(table(0.8, seed=1)), scored(table(0.5, seed=6))
    found = paired.difference(tuple(first), single)
    each = [paired.difference(tuple(first)).value, paired.difference(single).value]
    assert found.value == pytest.approx(np.mean(each))
    assert 0 < found.low < found.value < found.high


def test_a_run_is_no_better_than_itself_and_common_utterances_count(pair):
    same = evaluation.compare(scored(pair[0]), scored(pair[0])).frame()
    assert same[["difference", "low", "high"]].to_numpy().tolist() == [[0, 0, 0]] * 2
    assert same["p"].tolist() == [1.0, 1.0]
    half = pair[1][pair[1]["speaker"] < "s5"]
    assert evaluation.compare(scored(pair[0]), scored(half)).frame().loc["uar", "utterances"] == 150


def test_what_cannot_be_compared(pair):
    one = scored(pair[0])
    rows = pair[1][~pair[1][["label", "predicted"]].isin(["c"]).any(axis=1)]
    binary = evaluation.evaluate(rows, classes=["a", "b"])
    with raises(ConfigurationError, "different-classes"):
        evaluation.compare(one, binary)
    renamed = pair[1].assign(utterance_id="x" + pair[1]["utterance_id"])
    with raises(ConfigurationError, "different-utterances"):
        evaluation.compare(one, scored(renamed))
    relabeled = pair[1].assign(label=np.where(pair[1].index < 2, "b", pair[1]["label"]))
    with raises(ConfigurationError, "different-true-labels", "0_0"):
        evaluation.compare(one, scored(relabeled))
    with raises(ConfigurationError, "wrong-number-of-names"):
        evaluation.compare(one, one, names=["good"])


def test_on_the_command_line(tmp_path, done, refused):
    runs = [fake_run.write(tmp_path / name, skill=skill, takes=2)
            for name, skill in (("good", 2.2), ("poor", 1.2))]  # fmt: skip
    words = ["compare", *(run.folder for run in runs)]
    told = pd.DataFrame(json.loads(done(*words, "--json").out)).set_index("metric")
    results = [evaluation.evaluate(run) for run in runs]
    pd.testing.assert_frame_equal(told, evaluation.compare(*results).frame())
    said = done(*words).out
    points = 100 * (results[0].uar - results[1].uar)
    assert f"UAR {results[0].uar:.1%} and {results[1].uar:.1%}: {points:+.1f} points (" in said
    coarse = json.loads(done(*words, "--grouping", "valence2", "--json").out)[0]
    assert coarse["first"] == pytest.approx(results[0].regroup("valence2").uar)
    refused("compare", runs[0].folder, tmp_path / "nobody").check("missing-run")
