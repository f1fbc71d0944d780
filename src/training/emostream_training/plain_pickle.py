"""A pickle_module for torch that builds tensors and plain values and calls nothing else, whatever a file asks for.

torch's own weights_only does the same, but that of 1.13 refuses floats, which every optimizer's state holds.
"""
from __future__ import annotations

import pickle

ALLOWED = {("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter")}


class Unpickler(pickle.Unpickler):
    """torch resolves the storages of tensors itself, before it asks here."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"holds {module}.{name}, which is neither a tensor nor a plain value")
