"""Pages with names of any length, in a real browser: no wider than its window."""

import json

import pandas as pd
import pytest

from sertk import explore, report, run
from tests import browser, fake_run, small_corpus

pytestmark = pytest.mark.browser

LONG = "w" * 30_000


@pytest.fixture(scope="module")
def pages(tmp_path_factory, small_root):
    home = tmp_path_factory.mktemp("pages")
    made = fake_run.write(home / "run", speakers=4, folds=2, seeds=(0,), takes=1)
    for name in ("predictions.csv", "manifest.csv"):
        table = pd.read_csv(made.folder / name)
        table["speaker"] = table["speaker"].replace({table["speaker"][0]: LONG})
        run.write_csv(made.folder / name, table)
    record = {**made.info, "command": f"sertk cv {LONG}"}
    (made.folder / "run.json").write_text(json.dumps(record))
    rows = small_corpus.manifest(small_root)
    named = rows.assign(
        speaker=rows["speaker"].replace({rows["speaker"][0]: LONG}),
        utterance_id=[LONG + name if k == 0 else name for k, name in enumerate(rows.utterance_id)],
    )
    return [report.write_html(made.folder), explore.write_html(named, home / "explore.html")]


@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_make_no_page_wider_than_the_window(pages, width):
    browser.require()
    with browser.chromium() as page:
        page.size(width, 900)
        for path in pages:
            page.open(path.as_uri())
            wide = page.driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, path.name
