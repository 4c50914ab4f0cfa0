"""Checks that a converted model is the one that was trained. Runs in a process of its own: `workbench.conversion.prove`."""
