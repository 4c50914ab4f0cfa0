"""`python -m workbench` is the `workbench` command."""

from __future__ import annotations

import sys

from workbench.startup import collection_paused

with collection_paused():
    from workbench.cli.main import main

sys.exit(main(sys.argv[1:]))
