"""Data files are found in a checkout, an editable install and an installed wheel."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from collections.abc import Mapping
from email import message_from_binary_file
from pathlib import Path

import pytest

from tests.support.programs import call
from tests.support.sound import CHECKOUT
from voice_helper.content.files import generated_file
from voice_helper.exporters.openvoiceos import locale_files
from voice_helper.skill.generated_files import LEARNED_FILE

pytestmark = pytest.mark.slow

OUTER_PACKAGES = sysconfig.get_path("purelib")
FORMS = ("checkout", "editable", "wheel")
_LAUNCHER = "import sys; from voice_helper.cli import main; sys.exit(main())"


def pip(python: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install"]
    ran = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr


def backend() -> list[str]:
    """Return pip's options for the build backend. If this environment lacks the backend, pip downloads it."""
    here = importlib.util.find_spec("hatchling") and importlib.util.find_spec("editables")
    return ["--no-build-isolation"] if here else []


@pytest.fixture(scope="module", params=FORMS)
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return a new environment with the program installed in one form. It shares this one's dependencies."""
    form = str(request.param)
    place = tmp_path_factory.mktemp(form) / "venv"
    venv.create(place, with_pip=False)
    scripts = place / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / "python"
    packages = next(place.glob("**/site-packages"))
    borrowed = packages / "borrowed.pth"
    if backend():
        borrowed.write_text(OUTER_PACKAGES, encoding="utf-8")
    if form == "checkout":
        (packages / "checkout.pth").write_text(str(CHECKOUT), encoding="utf-8")
    elif form == "editable":
        pip(python, *backend(), "--no-deps", "--ignore-installed", "--quiet", "--editable", str(CHECKOUT))
    else:
        pip(python, *backend(), "--no-deps", "--ignore-installed", "--quiet", str(CHECKOUT))
    borrowed.write_text(OUTER_PACKAGES, encoding="utf-8")
    return form, python


def files_in(folder: Path) -> Mapping[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_question_is_answered_from_another_folder(python: tuple[str, Path], tmp_path: Path) -> None:
    form, interpreter = python
    arguments = ["ask", "does heat help", "--json", "--voice", "none"]
    if form == "checkout":
        ran = call(["-c", _LAUNCHER, *arguments], folder=tmp_path, program=interpreter)
    else:
        ran = call(arguments, folder=tmp_path, program=interpreter.parent / "voice-helper")
    assert ran.code == 0
    answer = json.loads(ran.out)
    assert answer["intent"] == "remedy_heat"
    assert answer["rows"][1]["fact"] == "remedy.heat"


def test_intents_recording_and_registry_are_there(python: tuple[str, Path], tmp_path: Path) -> None:
    form, interpreter = python
    places = "data_folder('intents'), data_folder('models')"
    script = f"from voice_helper.support.paths import data_folder; print({places}, sep='\\n')"
    ran = call(["-c", script], folder=tmp_path, program=interpreter)
    intents, models = (Path(line) for line in ran.lines)
    assert (intents.is_relative_to(CHECKOUT)) == (form != "wheel")
    assert (models / "registry.yaml").is_file()
    assert (intents / "en" / "demo.wav").stat().st_size > 10_000
    assert files_in(intents) == files_in(CHECKOUT / "intents")
    assert generated_file(intents / "en", LEARNED_FILE).stat().st_size > 10_000


def test_a_wheel_contains_locale_files_generated_from_its_own_sentences(
    python: tuple[str, Path], tmp_path: Path
) -> None:
    form, interpreter = python
    script = "from voice_helper.support.paths import data_folder; print(data_folder('openvoiceos'))"
    folder = Path(call(["-c", script], folder=tmp_path, program=interpreter).lines[0])
    if form != "wheel":  # in other forms, the skill generates them when it starts
        assert not folder.exists()
        return
    shipped = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.*")}
    assert shipped == locale_files(CHECKOUT / "intents" / "en")


_BUILDING = """
import importlib.metadata as metadata, json, sys
from pathlib import Path
from packaging.requirements import Requirement

def closure(requirements, found):
    for each in map(Requirement, requirements):
        if each.name not in found and (each.marker is None or each.marker.evaluate({"extra": ""})):
            found.add(each.name)
            closure(metadata.requires(each.name) or (), found)
    return found

needed = {name.lower().replace("_", "-") for name in closure(json.loads(sys.argv[1]), set())}
modules = {
    module for module, owners in metadata.packages_distributions().items()
    if not needed & {owner.lower().replace("_", "-") for owner in owners}
} - {"voice_helper"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in modules:
            raise ModuleNotFoundError(f"the build does not require {name}")

sys.meta_path.insert(0, Refuse())
from voice_helper.exporters.openvoiceos import locale_files
print(len(locale_files(Path("intents/en"))))
"""


def test_the_build_hook_needs_only_the_packages_that_the_build_requires() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    requires = json.dumps(project["build-system"]["requires"])
    ran = subprocess.run(
        [sys.executable, "-c", _BUILDING, requires], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 1


def test_type_checkers_find_the_types(python: tuple[str, Path], tmp_path: Path) -> None:
    script = "import pathlib, voice_helper; print(pathlib.Path(voice_helper.__file__).with_name('py.typed').is_file())"
    assert call(["-c", script], folder=tmp_path, program=python[1]).lines == ["True"]


def test_a_source_archive_contains_every_file_of_the_intents(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    script = f"from hatchling.build import build_sdist; build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, check=True, timeout=300)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        about = archive.extractfile(next(name for name in archive.getnames() if name.endswith("/PKG-INFO")))
        assert about is not None
        description = message_from_binary_file(about).get_payload()
    assert names >= {(Path("intents") / path).as_posix() for path in files_in(CHECKOUT / "intents")}
    assert not [name for name in names if name.startswith("tests/")]  # they need the whole checkout
    assert isinstance(description, str)
    assert "Ask (`docs/ask.md` in the source)" in description
    assert set(re.findall(r"\]\(([^)]*)\)", description)) == set()  # a link into the checkout would lead nowhere
