"""Commands that are stopped or killed in the middle: one message, the same result in the end."""

import signal
import subprocess
import sys
import time

import pytest

from sertk import manifest

TOY = ["--corpus", "toy", "--option", "speakers=4", "--option", "takes=1", "--model", "mlp",
       "--epochs", "40", "--clip-seconds", "1.0", "--protocol", "speaker_folds", "--folds", "2",
       "--val", "1"]  # fmt: skip


def start(*words):
    command = [sys.executable, "-m", "sertk", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_listen
    )


def _listen():
    """Let Ctrl-C through, which a shell's background jobs start without."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop_when(process, there, how):
    """Send a signal as soon as something is there; hand out the status and what was said."""
    until = time.monotonic() + 100
    while not there() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(how)
    out, said = process.communicate(timeout=100)
    return process.returncode, out, said


@pytest.mark.slow
@pytest.mark.backend
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_cross_validation_goes_on_with_the_same_result(how, tmp_path):
    toy, run = tmp_path / "toy", tmp_path / "run"
    words = ["cv", *TOY, "--root", toy, "-o"]
    whole = start(*words, tmp_path / "whole")
    assert whole.communicate(timeout=200)[1]
    assert whole.returncode == 0
    wanted = (tmp_path / "whole" / "predictions.csv").read_bytes()
    for fold in 0, 1:  # in the middle of each fit
        state = run / f"fold_{fold}" / "seed_0" / "state.npz"
        status, out, said = stop_when(start(*words, run), state.is_file, how)
        assert status == (-9 if how == signal.SIGKILL else 1)
        assert out == ""
        assert "Traceback" not in said
        assert not (run / "predictions.csv").exists()
        if how == signal.SIGINT:
            stopped = "sertk: stopped. Run the same command again to resume."
            assert said.rstrip().endswith(stopped)
    last = start(*words, run)
    last.communicate(timeout=200)
    assert last.returncode == 0
    assert (run / "predictions.csv").read_bytes() == wanted
    assert not list(run.rglob("state*"))
    assert not list(run.glob("fold_*/seed_*/.*"))


@pytest.mark.slow
def test_scan_and_cache_are_stopped_at_any_point(tmp_path, monkeypatch):
    toy, kept = tmp_path / "toy", tmp_path / "cache"
    path = tmp_path / "m.csv"
    scan = ["scan", "toy", "--root", toy, "-o", path]
    extract = ["extract", path, "--root", toy, "--cache", kept]
    for words, there in (
        (scan, lambda: list(tmp_path.glob(".sertk-*toy/Actor_02/*"))),
        (extract, lambda: list(kept.glob("*/parts/[0-9]*.json"))),
    ):
        status, out, said = stop_when(start(*words), there, signal.SIGINT)
        assert (status, out) == (1, "")
        assert said.endswith("sertk: stopped. Run the same command again to resume.\n")
        assert "Traceback" not in said
        again = start(*words)
        again.communicate(timeout=100)
        assert again.returncode == 0
    assert not list(tmp_path.glob(".sertk-*"))
    assert len(manifest.read(path)) == 480


@pytest.mark.parametrize(
    ("backend", "match"),
    [
        ("nonsense", "Unknown KERAS_BACKEND 'nonsense'. Known KERAS_BACKEND names: jax"),
        ("tensorflo", "Did you mean 'tensorflow'"),
    ],
)
def test_a_backend_that_does_not_exist(backend, match, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    process = start("cv", *TOY, "-o", "never")
    out, said = process.communicate(timeout=100)
    assert (process.returncode, out) == (2, "")
    assert match in said
    assert said.count("\n") == 1


SWALLOWED = """
import os, signal, time
# a job in the background of a shell starts with Ctrl-C ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
from sertk.cli.stopping import stoppable

class Callback:
    def __del__(self):  # where an exception cannot leave
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)

try:
    with stoppable():
        Callback()
        time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""


def test_a_stop_that_compiled_code_swallows_comes_again():
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "stopped\n", "")
