"""The files that install sertk agree with each other, and nothing in them names a registry."""

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from sertk.predict import bundle, pretrained

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, SETUPTOOLS = SETTINGS["project"], SETTINGS["tool"]["setuptools"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())


def pip_section():
    return next(d for d in ENVIRONMENT["dependencies"] if isinstance(d, dict))["pip"]


def test_the_conda_environment_is_pyprojects():
    extras = PROJECT["optional-dependencies"]
    wanted = {*PROJECT["dependencies"], *extras["tensorflow"], *extras["notebooks"]}
    assert set(pip_section()) - {"-e ."} == wanted
    from_conda = [d for d in ENVIRONMENT["dependencies"] if isinstance(d, str)]
    assert from_conda == [f"python{PROJECT['requires-python']}", "pip"]


@pytest.mark.network
def test_the_conda_environment_resolves():
    requirements = [line for line in pip_section() if line != "-e ."]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_dependency_has_a_tested_pin_within_its_range():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        pins[re.sub(r"[-_.]+", "-", name).lower()] = version
    extras = PROJECT["optional-dependencies"]
    installed = ("tensorflow", "jax", "dev")
    requirements = [*PROJECT["dependencies"], *(r for e in installed for r in extras[e])]
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate():
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            assert requirement.specifier.contains(pins[name]), requirement


def test_torch_is_an_extra_of_its_own():
    for extra, requirements in PROJECT["optional-dependencies"].items():
        assert (extra == "parity") == any(r.startswith("torch") for r in requirements)


def test_the_metadata_name_the_terms_of_the_weights_too():
    assert PROJECT["license"] == "MIT AND CC-BY-NC-SA-4.0"
    for name in pretrained.NAMES:
        assert f"sertk/pretrained/{name}/LICENSE.txt" in PROJECT["license-files"]
    assert "Its weights are for non-commercial use" in (ROOT / PROJECT["readme"]).read_text()


def test_every_file_of_the_pretrained_model_is_packed():
    patterns = SETUPTOOLS["package-data"]["sertk.pretrained"]
    folder = ROOT / "sertk" / "pretrained"
    files = [path.relative_to(folder) for path in folder.glob("*/*") if path.is_file()]
    assert {path.name for path in files} > {bundle.INDEX, *bundle.NEEDED}
    for path in files:
        assert any(fnmatch(str(path), pattern) for pattern in patterns), path


def test_the_lock_lets_this_python_in():
    (specifier,) = [Requirement(f"x{PROJECT['requires-python']}").specifier]
    assert specifier.contains(".".join(map(str, sys.version_info[:3])))
    assert any(s.operator == "<" for s in specifier)
