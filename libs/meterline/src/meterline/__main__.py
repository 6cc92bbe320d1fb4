"""`python -m meterline` is the `meterline` command."""

from __future__ import annotations

from meterline.cli import main

if __name__ == "__main__":
    main()
