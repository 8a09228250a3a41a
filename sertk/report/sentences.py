"""The sentences of a report.

In: the numbers of a report, or run.json. Out: plain text; the template escapes it.
"""

from typing import Any

import numpy as np

from sertk._display.display import percent
from sertk.evaluation.calibration import TemperatureDisplay
from sertk.evaluation.intervals import FEW_SPEAKERS, MIN_SPEAKERS
from sertk.run import Run


def plural(number: int, word: str) -> str:
    """Count things.

    Examples:
        >>> plural(1, "fold"), plural(1200, "utterance")
        ('1 fold', '1,200 utterances')
    """
    return f"{number:,} {word}{'s' * (number != 1)}"


def basis(numbers: dict[str, Any]) -> str:
    """Describe the data of the headline score, and its uncertainty."""
    on = numbers["basis"]
    sentence = (
        f"Evaluated on {plural(on['utterances'], 'utterance')} of "
        f"{plural(on['speakers'], 'test speaker')}, {plural(on['folds'], 'fold')}, "
        f"{plural(len(on['seeds']), 'seed')}."
    )
    for row in numbers["spread"]:
        if row["metric"] == "uar" and row["n"] > 1:
            sentence += (
                f" Over {row['over']}, UAR ranges from {percent(row['min'])} to "
                f"{percent(row['max'])} % (standard deviation {percent(row['sd'])}, "
                f"n = {row['n']})."
            )
    if on["speakers"] == 1:
        return sentence + " There is no confidence interval for a single speaker."
    if on["speakers"] < MIN_SPEAKERS:
        return f"{sentence} {on['speakers']} speakers are too few for a confidence interval."
    few = " With few speakers they are wide." if on["speakers"] < FEW_SPEAKERS else ""
    return f"{sentence} Confidence intervals are 95 %, over {on['speakers']} speakers.{few}"


def confusions(numbers: dict[str, Any]) -> str:
    """Name the weakest class and the three most frequent confusions."""
    counts = np.array(numbers["confusion"], float)
    support = counts.sum(1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros_like(counts), where=support > 0)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[:3]
    names = numbers["classes"]
    frequent = [
        f"{names[i]} predicted as {names[j]} ({percent(shares[i, j])} % of {names[i]})"
        for i, j in zip(*np.unravel_index(order, shares.shape), strict=True)
        if shares[i, j] > 0
    ]
    measured = [row for row in numbers["per_class"] if row["recall"] is not None]
    weak = min(measured, key=lambda row: row["recall"])
    first = f"The lowest recall is that of {weak['class']}, {percent(weak['recall'])} %."
    return first + (f" Most frequent confusions: {'; '.join(frequent)}." if frequent else "")


def gap(numbers: dict[str, Any]) -> str:
    """Describe the difference between genders, and whether it is significant."""
    stats = numbers["gender_gap"]
    if stats["value"] is None:
        return f"The difference between genders is unknown: {stats['note']}."
    points = f"{abs(100 * stats['value']):.1f} points"
    higher, lower = ("female", "male") if stats["value"] >= 0 else ("male", "female")
    sentence = f"UAR is {points} higher for {higher} than for {lower} speakers"
    if stats["low"] is None:
        return f"{sentence}; there are too few speakers per gender for a confidence interval."
    ends = f"female minus male, 95 % interval {percent(stats['low'])} to {percent(stats['high'])}"
    if stats["low"] <= 0 <= stats["high"]:
        return f"{sentence} ({ends}). The interval includes zero: it is not significant."
    return f"{sentence} ({ends}). The interval excludes zero: it is significant."


def speakers(numbers: dict[str, Any]) -> str:
    """Describe the differences between speakers."""
    rows = numbers["by_speaker"]
    if len(rows) == 1:
        only = rows[0]
        return f"The only test speaker, {only['speaker']}, has a UAR of {percent(only['uar'])} %."
    low, high = rows[0], rows[-1]
    return (
        f"UAR of {len(rows)} speakers: lowest {low['speaker']}, {percent(low['uar'])} %; "
        f"highest {high['speaker']}, {percent(high['uar'])} %."
    )


def speaker_normalization(numbers: dict[str, Any]) -> str:
    """Describe the scores with speaker normalization; empty if there are none."""
    stats = numbers["speaker_normalization"]
    if stats is None:
        return ""
    uar = stats["headline"]["uar"]
    ends = f" ({percent(uar['low'])} to {percent(uar['high'])})" if uar["low"] is not None else ""
    change = f"{100 * stats['change']:+.1f} points"
    if stats["change_low"] is not None:
        low, high = (f"{100 * stats[end]:+.1f}" for end in ("change_low", "change_high"))
        change += f", {low} to {high}"
    return (
        f"With speaker normalization, UAR is {percent(uar['value'])} %{ends} ({change}). It "
        "subtracts the mean log-probabilities of all test recordings of a speaker. It uses no "
        "labels, but it is transductive: it needs recordings of the speaker in several emotions, "
        "and does not apply to a speaker with a single recording."
    )


def learning(fits: list[dict[str, Any]], monitor: str, checkpoint: str) -> str:
    """Describe the number of fits, and the selected epochs."""
    kept = [fit["best_epoch"] for fit in fits if fit.get("best_epoch")]
    lines = f"{plural(len(fits), 'fit')}" + (
        " (thin lines) and their median (thick line)." if len(fits) > 1 else "."
    )
    if not kept:
        return lines
    at = f"epoch {kept[0]}" if min(kept) == max(kept) else (
        f"epochs {min(kept)} to {max(kept)} (median {np.median(kept):.0f})"
    )  # fmt: skip
    if checkpoint == "last":
        return f"{lines} The checkpoint of the last epoch was kept ({at})."
    return f"{lines} The checkpoint of {at} was kept, the best by {monitor} on validation speakers."


def calibration(numbers: dict[str, Any], scaled: TemperatureDisplay | None) -> list[str]:
    """Describe the calibration error, its direction, and its correction by temperature."""
    bins = [row for row in numbers["calibration"]["bins"] if row["predictions"]]
    total = sum(row["predictions"] for row in bins)
    sure = sum(row["predictions"] * row["confidence"] for row in bins) / total
    right = sum(row["predictions"] * row["accuracy"] for row in bins) / total
    ece = numbers["calibration"]["ece"]
    sentences = [
        f"The mean probability of the predicted class is {percent(sure)} %, and {percent(right)} "
        "% of predictions are right: the model is "
        + ("overconfident" if sure > right + 0.02 else "underconfident" if sure < right - 0.02
           else "well calibrated on average") + ".",
        f"The expected calibration error (ECE) is {percent(ece)} % (n = {total:,} predictions on "
        "test speakers).",
    ]  # fmt: skip
    if scaled is not None:
        temperatures = scaled.temperatures["temperature"]
        sentences.append(
            f"Temperature scaling with a temperature of {temperatures.median():.2f}"
            + (f" (median of {len(temperatures)} models)" if len(temperatures) > 1 else "")
            + f", fitted on validation speakers, changes it to {percent(scaled.ece['after'])} %. "
            "It changes no predicted class. The other probabilities in this report are not scaled."
        )
    return sentences


def facts(run: Run) -> list[tuple[str, str]]:
    """List what is needed to repeat a run; what a run does not know is left out."""
    info, size = run.info, run.parameters
    machine = info.get("environment") or {}
    packages = ", ".join(f"{name} {v}" for name, v in (machine.get("packages") or {}).items())
    cores = f", {machine['cpu_count']} cores" if machine.get("cpu_count") else ""
    seconds, memory = info.get("wall_seconds"), info.get("peak_memory_mb")
    rows = {
        "Model": f"{info['model']['name']}" + (f", {size:,} parameters" if size else ""),
        "Feature license": info.get("feature_license"),
        "Seeds": ", ".join(str(seed) for seed in info.get("seeds", [])),
        "Software": f"sertk {info.get('sertk_version', '')}, Python {machine.get('python', '')}",
        "Packages": packages,
        "Backend": f"{machine['backend']} on {machine.get('device')}"
        if "backend" in machine
        else "",
        "Machine": f"{machine['platform']}{cores}" if machine.get("platform") else "",
        "Data, SHA-256": info.get("data_sha256"),
        "Git commit": info.get("git_commit"),
        "Other machines": _elsewhere(info),
        "Started": _moment(info.get("started")),
        "Finished": _moment(info.get("finished")),
        "Wall time": duration(seconds) if seconds else "",
        "Peak memory": f"{memory:,.0f} MB" if memory else "",
    }
    return [(name, str(value)) for name, value in rows.items() if value]


def _elsewhere(info: dict[str, Any]) -> str:
    """Describe fits by another process than the one that started the run."""
    others = [fit for fit in info.get("fits", ()) if {"environment", "git_commit"} & set(fit)]
    if not others:
        return ""
    machines = [fit.get("environment") or info.get("environment") or {} for fit in others]
    how = {f"{m.get('backend')} on {m.get('device')}, {m.get('platform')}" for m in machines}
    return f"{len(others)} of {len(info['fits'])} fits ({'; '.join(sorted(how))})"


def _moment(stamp: str | None) -> str:
    return (stamp or "").replace("T", " ").replace("Z", " UTC")


def duration(seconds: float) -> str:
    """Format a time span.

    Examples:
        >>> duration(42.4), duration(2640.5), duration(9000)
        ('42 s', '44 min', '2 h 30 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
