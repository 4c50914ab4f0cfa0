"""The one entry for a person: sets up the environment beside this file, then runs the workbench in it.

    python launch.py                    opens the workbench in the browser
    python launch.py run RECIPE.yaml    any sub-command of `workbench`
    python launch.py test               installs what the tests need and runs them

Needs the standard library only. The environment is `.venv` beside this file, whatever the workspace. Everything
this script says goes to stderr, so that `--json` on stdout stays one document.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYPROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "assets" / "constraints.txt"
STAMP = VENV / "installed.sha256"
LOCK = ROOT / ".venv.lock"
MINIMUM = (3, 11)

TEXT = {
    "old_python": (
        "Python {need} 以上が必要です（いまは {have}）。新しい Python で実行してください。例: python3.12 launch.py",
        "Python {need} or newer is needed (this is {have}). Run it with a newer one, for example: python3.12 launch.py",
    ),
    "no_venv": (
        "この Python には venv がありません。次のコマンドで入れてから、もう一度実行してください: {command}",
        "This Python has no venv module. Install it with this command, then run again: {command}",
    ),
    "waiting": (
        "別の launch.py が準備をしています。終わるのを待っています…",
        "Another launch.py is preparing the environment. Waiting for it…",
    ),
    "creating": (
        "専用の環境を作っています: {path}",
        "Making the environment: {path}",
    ),
    "installing": (
        "必要なものを入れています（初回は数分かかります。途中で止めても、次回つづきから行います）…",
        "Installing what is needed (minutes the first time; if interrupted, the next start goes on)…",
    ),
    "install_failed": (
        "準備に失敗しました。上の記録を確かめ、ネットワークと空き容量を直してから、もう一度実行してください。",
        "The installation failed. See the lines above; check the network and free disk space, then run again.",
    ),
    "ready": ("準備ができました（{seconds} 秒）。", "Ready ({seconds} s)."),
}


def wants_japanese(arguments: list[str]) -> bool:
    """The language of this script's own lines: `--lang`, else `WORKBENCH_LANG`, else the locale, else Japanese."""
    for index, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            return argument.endswith("ja")
        if argument == "--lang" and index + 1 < len(arguments):
            return arguments[index + 1] == "ja"
    named = os.environ.get("WORKBENCH_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return not named.lower().startswith("en")


def say(key: str, **params: object) -> None:
    """One line on stderr, in the person's language."""
    japanese, english = TEXT[key]
    print(
        (japanese if wants_japanese(sys.argv[1:]) else english).format(**params), file=sys.stderr, flush=True
    )


def check_python() -> None:
    """End with a sentence where this Python cannot be used."""
    have = sys.version_info[:2]
    if have < MINIMUM:
        say("old_python", need=".".join(map(str, MINIMUM)), have=".".join(map(str, have)))
        sys.exit(3)
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        # Debian, Ubuntu and DGX OS split these off into a package of their own
        say("no_venv", command=f"sudo apt-get install python{have[0]}.{have[1]}-venv")
        sys.exit(3)


@contextlib.contextmanager
def install_lock() -> Iterator[None]:
    """Only one launch.py installs at a time; the lock ends with its process, however that ends."""
    import fcntl

    with LOCK.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def read_requirements(extras: tuple[str, ...]) -> list[str]:
    """The pinned requirements of pyproject.toml, with those of the extras."""
    import tomllib

    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    return wanted


def fingerprint(requirements: list[str]) -> str:
    """Changes when the pins change, or when the checkout was moved."""
    parts = [*requirements, CONSTRAINTS.read_text(encoding="utf-8"), str(ROOT)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def venv_python() -> Path:
    """The environment's interpreter."""
    return VENV / "bin" / "python"


def stamped() -> list[str]:
    """Fingerprints of what is installed; empty after an interrupted install or when the system's Python changed."""
    if not STAMP.is_file() or not venv_python().exists():
        return []
    interpreter, *marks = STAMP.read_text(encoding="utf-8").splitlines()
    return marks if interpreter == str(venv_python().resolve()) else []


def make_venv() -> None:
    """A fresh environment; one that was left half-made is replaced."""
    say("creating", path=VENV)
    if VENV.exists():
        shutil.rmtree(VENV)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True, stdout=sys.stderr)


def pip_install(requirements: list[str]) -> None:
    """Install the pins with pip, its progress shown on stderr."""
    say("installing")
    command = [
        str(venv_python()),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "-c",
        str(CONSTRAINTS),
    ]
    env = dict(os.environ)
    if os.uname().machine == "x86_64":
        # llama.cpp built for this very processor dies of an illegal instruction where a virtual machine's matrix tiles do
        # not hold their setting, and where pip's kept build meets another processor
        env.setdefault("CMAKE_ARGS", "-DGGML_NATIVE=OFF")
    done = subprocess.run([*command, *requirements], env=env, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        say("install_failed")
        sys.exit(3)
    # worker processes and the page find the package through the environment, not through a variable
    site = next((VENV / "lib").glob("python3.*")) / "site-packages"
    (site / "workbench_checkout.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    # as pip does with what it installs: without it the first start, and every start where Python may not write, compiles
    subprocess.run(
        [command[0], "-m", "compileall", "-q", str(ROOT / "workbench")], stdout=sys.stderr, check=False
    )


def ensure_environment(extras: tuple[str, ...]) -> None:
    """Make the environment what the pins say; does nothing where it already is."""
    wanted = read_requirements(extras)
    mark = fingerprint(wanted)
    if mark in stamped():
        return
    started = time.monotonic()
    with install_lock():
        kept = stamped()
        if mark in kept:
            return
        base_mark = fingerprint(read_requirements(()))
        if not kept:
            make_venv()
        STAMP.unlink(missing_ok=True)
        pip_install(wanted)
        lines = [str(venv_python().resolve()), *dict.fromkeys([base_mark, mark])]
        STAMP.write_text("\n".join(lines) + "\n", encoding="utf-8")
    say("ready", seconds=round(time.monotonic() - started))


def sub_command(arguments: list[str]) -> str:
    """The first argument that is no option and no option's value."""
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("--workspace", "--lang", "--host", "--port"):
            skip = True
        elif not argument.startswith("-"):
            return argument
    return ""


def choose_extras(chosen: str, arguments: list[str]) -> tuple[str, ...]:
    """What is installed beside the pins: for tests what they need, llama.cpp (a build of minutes) only on request."""
    if chosen != "test":
        return ()
    joined = " ".join(arguments).replace("--require=", "--require ").split()
    named = joined[joined.index("--require") + 1 :][:1] if "--require" in joined else []
    return ("test", "llama") if "llama" in ",".join(named).split(",") else ("test",)


def main() -> None:
    """Prepare the environment and become the workbench."""
    check_python()
    arguments = sys.argv[1:]
    chosen = sub_command(arguments)
    ensure_environment(choose_extras(chosen, arguments))
    if not chosen and not {"-h", "--help", "--version"} & set(arguments):
        arguments = ["ui", *arguments]
    command = [str(venv_python()), "-m", "workbench", *arguments]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
