"""The git revision of this code, for manifests and reports."""
from __future__ import annotations

import subprocess
from pathlib import Path

PACKAGE = Path(__file__).parent


def revision() -> str:
    """Of the checkout, marked where files of the package differ from it; `unknown` outside a checkout."""
    def git(*arguments: str) -> str | None:
        try:
            return subprocess.run(["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    head = git("rev-parse", "HEAD")
    return "unknown" if head is None else head + ("+changes" if git("status", "--porcelain", "--", str(PACKAGE)) else "")
