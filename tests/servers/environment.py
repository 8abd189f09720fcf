# SPDX-License-Identifier: Apache-2.0
"""A server's own virtual environment, build/servers/NAME, with exactly requirements-NAME.txt in it."""
import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / "build/servers"


@contextlib.contextmanager
def locked(path):
    """Holds an exclusive lock on a file, waiting for it as long as it takes; gives its descriptor."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


class Environment:
    """Paths of one environment that is complete."""

    def __init__(self, name):
        self.folder = FOLDER / name
        self.python = self.folder / "bin/python"

    def site(self):
        """Its site-packages."""
        return next(self.folder.glob("lib/python3.*/site-packages"))


def ensure(name, finish=None):
    """Installs what is missing of environment NAME and says so first; `finish(environment)` is the
    last step of an installation. With everything there it needs no network and takes no time."""
    requirements = HERE / f"requirements-{name}.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest() + " " + sys.version
    made = Environment(name)
    stamp = made.folder / "stamp"
    with locked(FOLDER / f"{name}.lock"):
        if stamp.exists() and stamp.read_text("utf-8") == wanted:
            return made
        print(f"servers: installing {name} into {made.folder}", file=sys.stderr, flush=True)
        shutil.rmtree(made.folder, ignore_errors=True)
        base = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([base, "-m", "venv", made.folder], check=True)
        # every package is named with its version, what they depend on too
        subprocess.run([made.python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        "--no-input", "--no-deps", "-r", requirements], check=True)
        if finish:
            finish(made)
        stamp.write_text(wanted, "utf-8")
    return made
