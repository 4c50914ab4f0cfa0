"""`python -m workbench` is the `workbench` command."""

from __future__ import annotations

import os
import sys

from workbench.spare import start_spare
from workbench.startup import collection_paused

if "evaluate" in sys.argv and "--task" in sys.argv and "--adapter" not in sys.argv:
    # its worker loads beside it instead of after it
    start_spare("evaluate", os.environ)

with collection_paused():
    from workbench.cli.main import main

sys.exit(main(sys.argv[1:]))
