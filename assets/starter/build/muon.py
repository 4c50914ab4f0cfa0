"""The optimizer of the layers' matrices: momentum whose update is made orthogonal (Muon, Jordan et al., 2024).

torch has one of its own, which multiplies in bfloat16 on every processor: without instructions for that it takes longer
than the rest of the training step, so the few lines stand here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor

BFLOAT16 = torch.cpu._is_amx_tile_supported()
"""Whether the processor multiplies bfloat16 itself: half the time where it does, and slower where it does not."""
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration that drives all singular values towards one; from the method's publication."""
RMS = 0.2
"""The size of an update's entries per unit of learning rate: about that of AdamW (Liu et al., 2025)."""


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Matrices (count, rows, columns) with the same singular vectors and singular values near one."""
    turned = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if turned else matrices
    found = found / (found.norm(dim=(1, 2), keepdim=True) + 1e-7)
    first, second, third = COEFFICIENTS
    if BFLOAT16:
        found = found.bfloat16()
    for _ in range(steps):
        square = found @ found.mT
        found = first * found + (second * square + third * square @ square) @ found
    return (found.mT if turned else found).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal matrix by matrix; for two-dimensional weights only."""

    def __init__(
        self, weights: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Change the weights that have a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for weight in cast("list[Tensor]", group["params"]):
                if weight.grad is not None:
                    shapes[weight.shape].append(weight)
            for shape, weights in shapes.items():
                updates = []
                for weight in weights:
                    gradient = cast("Tensor", weight.grad)
                    momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                    momentum.lerp_(gradient, 1 - group["momentum"])
                    updates.append(gradient.lerp(momentum, group["momentum"]))
                size = RMS * math.sqrt(max(shape)) * group["lr"]
                for weight, update in zip(weights, orthogonalise(torch.stack(updates)), strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-size)
