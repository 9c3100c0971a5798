"""Convert the two classification problems inside the PyPI wheel `aeon` to Foreshock's data sets.

usage: ucr_to_parquet.py OUT

JapaneseVowels (12 channels, 7 to 29 frames, 9 speakers) and OSULeaf (1 channel, 427 frames, 6 species),
each with its published split into training and test, as OUT/NAME/frames.parquet and runs.parquet, and as
OUT/NAME-choose its training part alone, every third series of a class set aside: settings are chosen there,
so that the published test part has no say in them.
"""

import json
import sys
from pathlib import Path

import aeon.datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def hold_out(part):
    """A training part as two: every third series of each class is the test part."""
    series, labels = part
    seen = {}
    aside = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        aside.append(seen[label] % 3 == 0)
    pick = lambda wanted: (
        [one for one, flag in zip(series, aside) if flag == wanted],
        [label for label, flag in zip(labels, aside) if flag == wanted],
    )
    return {"train": pick(False), "test": pick(True)}


def convert(name: str, out: Path) -> None:
    parts = {fold: aeon.datasets.load_classification(name, split=fold) for fold in ("train", "test")}
    write(name, parts, out)
    write(f"{name}-choose", hold_out(parts["train"]), out)


def write(name: str, parts, out: Path) -> None:
    frames = {"run": [], "time_ps": [], "label:state": []}
    runs = {"run": [], "lineage": [], "fold": []}
    classes = sorted(str(label) for label in set(parts["train"][1]))
    channels = parts["train"][0][0].shape[0]
    features = {f"x{k + 1}": [] for k in range(channels)}
    for fold, (series, labels) in parts.items():
        for number, (one, label) in enumerate(zip(series, labels)):
            run = f"{fold}-{number:04d}"
            one = np.asarray(one)[:, ~np.isnan(one).any(axis=0)]
            runs["run"].append(run)
            runs["lineage"].append(run)
            runs["fold"].append(fold)
            frames["run"] += [run] * one.shape[1]
            frames["time_ps"] += [float(t) for t in range(one.shape[1])]
            frames["label:state"] += [classes.index(str(label))] * one.shape[1]
            for k in range(channels):
                features[f"x{k + 1}"] += one[k].tolist()
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    columns = {
        "run": pa.array(frames["run"]),
        "time_ps": pa.array(frames["time_ps"], pa.float64()),
        **{key: pa.array(values, pa.float32()) for key, values in features.items()},
        "label:state": pa.array(frames["label:state"], pa.int64()),
    }
    table = pa.table(columns).replace_schema_metadata({"foreshock.classes": json.dumps(classes)})
    pq.write_table(table, folder / "frames.parquet", compression="zstd")
    pq.write_table(pa.table(runs), folder / "runs.parquet", compression="zstd")
    print(f"{folder}: {len(runs['run'])} series, {channels} channels, {len(classes)} classes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for problem in ("JapaneseVowels", "OSULeaf"):
        convert(problem, Path(sys.argv[1]))
