"""What every test needs set before the first import, and the optional real data."""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # the array-API checks of scikit-learn
os.environ.setdefault("MPLBACKEND", "Agg")

import importlib.util
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = "SGD_ESTIMATORS_DATA"


@pytest.fixture(scope="session")
def load_real():
    """Return ``load(name) -> X, y`` of the optional data folder, or skip."""
    folder = Path(os.environ.get(FOLDER) or CHECKOUT.parent / "shared" / "data")
    if not (folder / "load.py").is_file():
        pytest.skip(f"no data sets in {folder}; set {FOLDER} to the folder of load.py")
    spec = importlib.util.spec_from_file_location("real_data_loader", folder / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def load(name):
        if not (folder / f"{name}.npz").is_file():
            pytest.skip(f"{folder} holds no {name}.npz")
        return module.load(name)

    return load
