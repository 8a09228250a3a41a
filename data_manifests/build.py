"""Build the manifests of this folder from lists of checksums and from naming rules.

    python data_manifests/build.py --checksums DIR [--corpora DIR] [--out DIR]

`--checksums` holds ravdess_speech.tsv and emodb.tsv (columns sha256, bytes, path). `--corpora`
holds the folders ravdess/ and emodb/; durations are filled for the files that are there and
whose sha256 is the listed one. Without checksums, only what follows from naming rules is built.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from sertk import audio, manifest
from sertk.corpora import _files, emodb, ravdess, savee

HERE = Path(__file__).parent


def ravdess_song_paths() -> Iterator[str]:
    """Name the 1,012 sung recordings: actor 18 sang none, disgust and surprise are not sung."""
    for actor in (a for a in range(1, 25) if a != 18):
        for emotion in range(1, 7):
            for intensity in (1, 2) if emotion > 1 else (1,):
                for sentence in (1, 2):
                    for take in (1, 2):
                        codes = (3, 2, emotion, intensity, sentence, take, actor)
                        name = "-".join(f"{code:02}" for code in codes)
                        yield f"Actor_{actor:02}/{name}.wav"


def savee_paths() -> Iterator[str]:
    """Name the 480 recordings: fifteen sentences per emotion, thirty neutral ones."""
    for speaker in savee.SPEAKERS:
        for code in ("a", "d", "f", "h", "n", "sa", "su"):
            for sentence in range(1, 31 if code == "n" else 16):
                yield f"AudioData/{speaker}/{code}{sentence:02}.wav"


def listed(file: Path) -> dict[str, str]:
    """Read path -> sha256; the first folder of the paths is the corpus's."""
    with file.open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text, delimiter="\t")
        return {row["path"].split("/", 1)[1]: row["sha256"] for row in rows}


def rows(
    paths: Iterable[str], parse: _files.Parse, hashes: dict[str, str], root: Path | None = None
) -> Iterator[_files.Row]:
    """Turn paths into rows, with what is known of each file."""
    for path in paths:
        row = parse(PurePosixPath(path))
        if isinstance(row, str):
            raise SystemExit(f"{path}: {row}")
        row |= {"path": path, "sha256": hashes.get(path)}
        if root is not None and (root / path).is_file():
            if _files.sha256(root / path) != hashes[path]:
                raise SystemExit(f"{root / path} is not the listed file")
            duration, row["sample_rate"] = audio.info(root / path)
            row["duration"] = round(duration, 6)
        yield row


def build(checksums: Path | None, corpora: Path | None) -> dict[str, pd.DataFrame]:
    """Build every manifest that the given folders allow."""
    nowhere = Path()
    built = {
        "ravdess_song": manifest.from_rows(
            rows(ravdess_song_paths(), ravdess.parse, {}), "ravdess", nowhere
        ),
        "savee": manifest.from_rows(rows(savee_paths(), savee.parse, {}), "savee", nowhere),
    }
    if checksums is not None:
        speech = listed(checksums / "ravdess_speech.tsv")
        # the list names the folder after the corpus, the published archive names it wav
        berlin = {f"wav/{path}": sha for path, sha in listed(checksums / "emodb.tsv").items()}
        built["ravdess_speech"] = manifest.from_rows(
            rows(speech, ravdess.parse, speech, corpora and corpora / "ravdess"), "ravdess", nowhere
        )
        built["emodb"] = manifest.from_rows(
            rows(berlin, emodb.parse, berlin, corpora and corpora / "emodb"), "emodb", nowhere
        )
    return built


def main() -> None:
    """Write the manifests."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checksums", type=Path, help="folder of the lists of checksums")
    parser.add_argument("--corpora", type=Path, help="folder that holds ravdess/ and emodb/")
    parser.add_argument("--out", type=Path, default=HERE, help="where the manifests go")
    arguments = parser.parse_args()
    for name, frame in build(arguments.checksums, arguments.corpora).items():
        manifest.write(frame, arguments.out / f"{name}.csv")
        sys.stderr.write(f"{name}: {len(frame)} rows\n")


if __name__ == "__main__":
    main()
