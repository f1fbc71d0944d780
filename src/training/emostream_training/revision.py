"""The git revision of this code, for manifests and reports."""
from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


@cache
def revision() -> str:
    """Of the checkout, marked where files of the package differ from it; `unknown` outside a checkout.

    Asked for when a command begins: that is the code which was loaded, whatever is committed while it runs.
    """
    def git(*arguments: str) -> str | None:
        try:
            return subprocess.run(["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    head, changes = git("rev-parse", "HEAD"), git("status", "--porcelain", "--", str(PACKAGE))
    return "unknown" if head is None or changes is None else head + ("+changes" if changes else "")
