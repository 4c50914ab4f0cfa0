"""Where weights come from: one reader per way of storing them, all behind `TensorSource`."""
