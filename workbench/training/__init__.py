"""Training of adapters, and getting models from a hub.

`plan`, `models`, `rows` and `download` never load torch.
"""
