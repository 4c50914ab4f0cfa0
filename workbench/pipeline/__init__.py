"""Recipes: the whole cycle as steps, each a job, with cached results and a verdict."""

from workbench.pipeline.builders import (
    TEST_FILES,
    choose_engine,
    evaluate_model_recipe,
    evaluate_recipe,
    sample_recipe_path,
)
from workbench.pipeline.recipe import load_recipe, submit_recipe

__all__ = [
    "TEST_FILES",
    "choose_engine",
    "evaluate_model_recipe",
    "evaluate_recipe",
    "load_recipe",
    "sample_recipe_path",
    "submit_recipe",
]
