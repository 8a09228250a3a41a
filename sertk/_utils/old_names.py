"""Read records of schema version 1 with the names of version 2.

In: run.json, study.json or the description of an exported model, as version 1 wrote it. Out: the
same record with the names and values of version 2. Files on disk stay as they are.
"""

from typing import Any

_PREPROCESSING = {
    "floor_db": "top_db",
    "level_db": "target_rms_db",
    "reference": "db_reference",
}
_TRAINING = {
    "versions": "augment_sampling",
    "crops": "train_crop",
    "decision": "clip_aggregation",
    "hide_time": "time_mask",
    "hide_bins": "freq_mask",
}
_VALUES = {
    "augment_sampling": {"draw": "uniform", "every": "all"},
    "train_crop": {"every": "all"},
    "clip_aggregation": {"mean_log": "geometric_mean"},
}


def of_training(record: dict[str, Any]) -> dict[str, Any]:
    """Rename what `sertk.training.Config` holds.

    Examples:
        >>> of_training({"monitor": "epoch", "crops": "every"})
        {'monitor': 'val_uar', 'train_crop': 'all', 'checkpoint': 'last'}
    """
    renamed = {_TRAINING.get(name, name): value for name, value in record.items()}
    for name, values in _VALUES.items():
        if isinstance(renamed.get(name), str):
            renamed[name] = values.get(renamed[name], renamed[name])
    if renamed.get("monitor") == "epoch":
        renamed |= {"monitor": "val_uar", "checkpoint": "last"}
    return renamed


def of_run(info: dict[str, Any]) -> dict[str, Any]:
    """Rename what run.json holds."""
    copies = dict(info.get("augmentation") or {})
    if "live" in copies:
        copies["on_the_fly"] = copies.pop("live")
    return {
        **info,
        "preprocessing": of_preprocessing(info["preprocessing"]),
        "training": of_training(info["training"]),
        **({"augmentation": copies} if copies else {}),
    }


def of_model(record: dict[str, Any]) -> dict[str, Any]:
    """Rename what an exported model says of itself."""
    renamed = {{"licence": "license"}.get(name, name): value for name, value in record.items()}
    renamed |= of_training({"decision": renamed.pop("decision", "mean")})
    if isinstance(record.get("preprocessing"), dict):
        renamed["preprocessing"] = of_preprocessing(record["preprocessing"])
    return renamed


def of_study(record: dict[str, Any]) -> dict[str, Any]:
    """Rename what study.json holds."""
    kept = {name: value for name, value in record.items() if name != "settings"}
    config = record["settings"]
    return {**kept, "config": of_training(config) if isinstance(config, dict) else config}


def of_preprocessing(record: dict[str, Any]) -> dict[str, Any]:
    """Rename what a `Preprocessing`, or a layer of its graph, holds."""
    return {_PREPROCESSING.get(name, name): value for name, value in record.items()}
