"""Corpora: from a folder of recordings as published to a manifest, one row per utterance.

In: the name of a corpus (a file of this folder) or a function of your own, and its root folder.
Out: a manifest; `attrs["roots"]` says where the files are, `attrs["skipped"]` counts by reason
what was found and not taken, `attrs["unreadable"]` lists damaged files, `attrs["notes"]` what a
reader must know.

One file is one corpus: `scan(root, **options)` and the facts TITLE, LICENSE, CITATION, URL,
EMOTIONS, SYNTHETIC, DOWNLOADS (archives anybody may fetch) and REQUEST (else: where to ask).
"""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sertk._utils import call_arguments, lookup
from sertk.errors import CorpusError, MissingCorpusError

if TYPE_CHECKING:
    import pandas as pd


def names() -> list[str]:
    """List the corpora that can be scanned.

    Examples:
        >>> "ravdess" in names() and "emodb" in names()
        True
    """
    return lookup.names(__name__)


def load(name: str) -> ModuleType:
    """Import the module of a corpus, which holds its facts.

    Raises:
        UnknownNameError: If no corpus has that name.

    Examples:
        >>> load("ravdess").LICENSE
        'CC BY-NC-SA 4.0'
    """
    return lookup.load(__name__, name, "corpus")


def scan(
    corpus: "str | Callable[..., pd.DataFrame]",
    /,
    root: str | Path | None = None,
    *,
    hash_files: bool = False,
    **options: Any,
) -> "pd.DataFrame":
    """Find the utterances of a corpus in a folder.

    Durations and sample rates are read from the files' headers. Nothing found is dropped without
    being counted in `attrs["skipped"]`; a file that cannot be read stays in as a row without a
    duration and is named in `attrs["unreadable"]`.

    Args:
        corpus: A name from `names()`, or a function of your own that takes the root (and options)
            and returns a manifest, for example by `sertk.manifest.from_rows`.
        root: Folder of the corpus; `None` is the folder of that name below the environment
            variable `SERTK_CORPORA`. `~` is the home folder.
        hash_files: Fill `sha256` too, which reads every file whole.
        **options: Options of the corpus, such as `style="speech"` for RAVDESS.

    Returns:
        A manifest with the columns of `sertk.manifest`.

    Raises:
        UnknownNameError: If there is no such corpus or option.
        ConfigurationError: If an option is of another kind than the corpus takes.
        CorpusError: If the folder is missing or holds no file of the corpus.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     utterances = scan("toy", Path(folder) / "toy", speakers=2, takes=1)
        >>> utterances[["utterance_id", "speaker", "emotion"]].iloc[0].tolist()
        ['toy_03-01-01-01-01-01-01', 'toy_01', 'neutral']
    """
    module = load(corpus) if isinstance(corpus, str) else None
    function: Callable[..., pd.DataFrame] = module.scan if module else corpus  # type: ignore[assignment]
    name = corpus if isinstance(corpus, str) else getattr(corpus, "__name__", "corpus")
    parameters = inspect.signature(function).parameters
    call_arguments.check(
        function, options, owner=f"The corpus {name}", kind=f"option of {name}",
        known=list(parameters)[1:],
    )  # fmt: skip
    folder = _root(name, module, root, next(iter(parameters.values())))
    manifest = function(folder, **options)

    from sertk.corpora import _files

    return _files.read_headers(manifest, hash_files=hash_files)


def _root(
    name: str, module: ModuleType | None, root: str | Path | None, parameter: inspect.Parameter
) -> Path | None:
    """Resolve the root; a scan whose root has a default finds or makes its own."""
    own_default = parameter.default is not inspect.Parameter.empty
    home = os.environ.get("SERTK_CORPORA")
    if root is None and home and (Path(home).expanduser() / name).is_dir():
        root = Path(home) / name
    if root is None and own_default:
        return None
    how = _how_to_get(name, module)
    if root is None:
        raise CorpusError(
            f"No root folder is known for the corpus {name} (SERTK_CORPORA is "
            f"{f'{home}, without a folder {name}' if home else 'not set'}).",
            "A scan needs the root folder of the corpus.",
            f"Pass root= (--root DIR), or set SERTK_CORPORA to the folder above {name}/. {how}",
            code="no-root-folder",
        )
    folder = Path(root).expanduser()
    if own_default or folder.is_dir():
        return folder
    if folder.exists():
        raise CorpusError(
            f"{folder} is a file.",
            "A scan needs a folder.",
            "Unpack the archive, and pass the folder.",
            code="root-not-a-folder",
        )
    raise MissingCorpusError(
        f"No folder at {folder}.",
        f"The corpus {name!r} is expected there.",
        f"Check root= (--root DIR). {how}",
        code="missing-corpus-folder",
    )


def _how_to_get(name: str, module: ModuleType | None) -> str:
    if module is None:
        return ""
    if module.DOWNLOADS:
        return f"`sertk download {name} --to DIR` fetches it."
    return str(module.REQUEST)


def download(
    corpus: str,
    to: str | Path,
    *,
    parts: list[str] | None = None,
    base_url: str | None = None,
    progress: bool = True,
) -> Path:
    """Fetch a corpus that may be fetched freely, check it, and unpack it.

    Archives are compared with their published md5 sum before they are opened, and unpacked
    beside the target first, so that a broken download leaves nothing behind. Files that are
    there already with the right size are kept; an archive that was unpacked completely is not
    fetched again, and one that you put into the folder yourself is used and kept.

    Args:
        corpus: A name from `names()`.
        to: Folder that becomes the root of the corpus.
        parts: Which archives, for a corpus of several (RAVDESS: `"speech"`, `"song"`); `None`
            is all.
        base_url: Address of a mirror that serves the archives under their own names.
        progress: Show a bar on standard error.

    Returns:
        The root to pass to `scan`.

    Raises:
        CorpusError: If the corpus is handed out on request only (the message says where), the
            disk is too small, the network fails, or an archive is not the published one.
        UnknownNameError: If there is no such corpus or part.
    """
    from sertk.corpora import _download

    module = load(corpus)
    if not module.DOWNLOADS:
        raise CorpusError(
            f"{module.TITLE} cannot be downloaded automatically.",
            f"Its license is: {module.LICENSE}.",
            module.REQUEST,
            code="corpus-not-downloadable",
        )
    return _download.fetch(
        module.DOWNLOADS, Path(to).expanduser(), parts=parts, base_url=base_url, progress=progress
    )


def verify(manifest: "pd.DataFrame", root: str | Path | None = None) -> "pd.DataFrame":
    """Compare a manifest with the files of a folder.

    A file is also found deeper in the folder, when an archive was unpacked into a folder of its
    own. Contents are compared where the manifest has `sha256`, and `start` and `end` with the
    length of the file.

    Args:
        manifest: Any manifest, for example one of `data_manifests/`.
        root: Folder of its corpus; of several corpora, the folder above theirs. `None` takes
            each corpus's root from the manifest or from `SERTK_CORPORA`.

    Returns:
        One row per utterance and one per sound file that no row names: `utterance_id, path,
        status, detail`, where status is ok, missing, changed, unreadable or extra.

    Raises:
        CorpusError: If the root is no folder.
    """
    from sertk.corpora._verify import compare

    return compare(manifest, root)


def check_times(manifest: "pd.DataFrame") -> "pd.DataFrame":
    """Compare `start` and `end` of a manifest with the lengths of its files.

    Returns:
        The manifest; an end that lies past its file's by rounding, 0.1 s at most, is moved to it.

    Raises:
        ManifestError: If a start or end lies past the end of its file; the message guesses
            whether times are in milliseconds or samples.
    """
    from sertk.corpora import _files

    return _files.check(manifest, everything=False)


def check_files(manifest: "pd.DataFrame") -> "pd.DataFrame":
    """Read the headers of a manifest's files before anything else is done with them.

    Returns:
        As for `check_times`; `attrs["unreadable"]` lists (path, reason) of the damaged files.

    Raises:
        ManifestError: As for `check_times`.
    """
    from sertk.corpora import _files

    return _files.check(manifest, everything=True)
