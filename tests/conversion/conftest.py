"""A tiny base model, what training made of it, and a workspace: as in the tests of converting."""

from tests.conversion.test_convert import base, trained, workspace

__all__ = ["base", "trained", "workspace"]
