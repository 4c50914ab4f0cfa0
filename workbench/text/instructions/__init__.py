"""Instructions whose following can be checked by rule: IFEval's 25 types, and Japanese ones of our own."""

from workbench.text.instructions.check import Followed, check_instructions, prepare_instructions
from workbench.text.instructions.registry import INSTRUCTIONS

__all__ = ["INSTRUCTIONS", "Followed", "check_instructions", "prepare_instructions"]
