"""What a fit adds to the memory of its process, measured in a process of its own."""

import os
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="reads /proc/self/status"
    ),
]

# The first fit of a small problem loads what is loaded once; VmHWM is then reset.
MEASURE = """
import gc, sys, warnings
import numpy as np
import scipy.sparse as sp
from sgd_estimators import SGDLinearRegressor, SGDLogistic, SGDRidge

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)


def kilobytes(name):
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(name + ":"))
    return int(line.split()[1])


def added(model, X, y=None, **given):
    small = rng.standard_normal((300, X.shape[1])).astype(X.dtype)
    model.fit(sp.csr_array(small) if sp.issparse(X) else small, np.arange(300) % 2)
    model.predict(X[:1000])
    gc.collect()
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")  # VmHWM = VmRSS
    before = kilobytes("VmRSS")
    model.predict(X) if y is None else model.fit(X, y, **given)
    return 1024 * (kilobytes("VmHWM") - before)


def made(n, d, dtype, part=20_000):
    X = np.empty((n, d), dtype)
    for begin in range(0, n, part):  # standard_normal makes float64 first
        X[begin : begin + part] = rng.standard_normal((min(part, n - begin), d))
    y = X[:, 0] + np.linspace(-1, 1, n)
    return X, y.astype(np.float64)
"""


def run(script, *args):
    """Run a script in a new process, on one thread, and return what it prints."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE + script, *map(str, args)],
        env={
            **os.environ,
            **dict.fromkeys(threads, "1"),
            "PYTHONPATH": os.pathsep.join(p for p in ["", *sys.path] if p is not None),
        },
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def allowed(n, row_bytes):
    """Return 10 % of the data or 32 bytes a row, whichever is larger."""
    return n * max(0.1 * row_bytes, 32)


SHAPES = {  # n, d, dtype
    "100 columns": (200_000, 100, "float32"),
    "100 columns of float64": (150_000, 100, "float64"),
    "20 columns": (1_000_000, 20, "float32"),
    "1000 columns": (40_000, 1000, "float32"),
}
SETTINGS = {
    "default": "",
    "plain metric": "preconditioner=None, optimizer='sgd'",
    "adam": "optimizer='adam', batch_size=32",
    "early stopping": "early_stopping=True",
}
ADDED = """
n, d, dtype = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
X, y = made(n, d, dtype)
y = {y}
print(added({model}(max_iter=2, random_state=0, {setting}), X, y))
"""
FITS = [
    *(("SGDRidge", shape, "default") for shape in SHAPES),
    *(("SGDRidge", "100 columns", setting) for setting in list(SETTINGS)[1:]),
    ("SGDLinearRegressor", "20 columns", "adam"),
    ("SGDLogistic", "100 columns", "default"),
    ("SGDLogistic", "20 columns", "early stopping"),
]


@pytest.mark.parametrize(("model", "shape", "setting"), FITS)
def test_fitting_an_array_adds_little(model, shape, setting):
    n, d, dtype = SHAPES[shape]
    y = "(y > 0).astype(np.int64)" if model == "SGDLogistic" else "y"
    script = ADDED.format(model=model, setting=SETTINGS[setting], y=y)
    row_bytes = d * int(dtype[-2:]) // 8
    assert int(run(script, n, d, dtype)) <= allowed(n, row_bytes)


VALIDATION = """
X, y = made(200_000, 100, "float32")
rest, held = np.s_[:150_000], np.s_[150_000:]
model = SGDRidge(max_iter=3, early_stopping=True, random_state=0)
print(added(model, X[rest], y[rest], X_val=X[held], y_val=y[held]))
"""


def test_a_validation_set_is_not_copied():
    # X_val, a quarter of X, is far more than what a fit of X may add.
    assert int(run(VALIDATION)) <= allowed(200_000, 400)


PREDICTED = """
X, y = made(200_000, 100, "float32")
for X in (X, np.asfortranarray(X), sp.csr_array(X)):
    for model in (SGDRidge(max_iter=2), SGDLogistic(max_iter=2)):
        print(added(model, X))
"""


def test_predicting_adds_little():
    assert max(map(int, run(PREDICTED).split())) <= allowed(200_000, 400)


WEIGHTED = """
X, y = made(400_000, 100, "float32")
weight = np.where(np.arange(400_000) % 2, 1.0, 0.0)
print(added(SGDRidge(max_iter=2, random_state=0), X, y, sample_weight=weight))
"""


def test_rows_of_weight_zero_are_left_out_by_index():
    assert int(run(WEIGHTED)) <= allowed(400_000, 400)


SPARSE = """
n, nnz = 300_000, 60
indices = np.sort(rng.integers(0, 500, (n, nnz), np.int32) + 500 * np.arange(nnz))
indices = indices.astype(np.int32).ravel()
data = np.ones(n * nnz, np.float32)
X = sp.csr_array((data, indices, np.arange(0, n * nnz + 1, nnz, dtype=np.int32)),
                 shape=(n, 500 * nnz))
X.has_canonical_format = True
y = np.linspace(-1, 1, n)
print(added({model}(max_iter=2, random_state=0, {setting}), X, {y}))
"""


@pytest.mark.parametrize(
    ("model", "setting"),
    [("SGDRidge", ""), ("SGDLogistic", "preconditioner=None")],
)
def test_canonical_csr_is_not_copied(model, setting):
    y = "(y > 0).astype(np.int64)" if model == "SGDLogistic" else "y"
    script = SPARSE.format(model=model, setting=setting, y=y)
    # Sums over 16 blocks of rows hold four dense vectors each.
    assert int(run(script)) <= allowed(300_000, 60 * 8) + 64 * 8 * 30_000


# The interpreter with SciPy takes some 200 MB: a quarter of the file must be more.
FILE_ROWS, FILE_COLUMNS = 1_500_000, 200

WRITE = """
shape = int(sys.argv[2]), int(sys.argv[3])
X = np.lib.format.open_memmap(sys.argv[1], "w+", np.float32, shape)
block = rng.standard_normal((50_000, shape[1])).astype(np.float32)
for begin in range(0, shape[0], len(block)):
    X[begin : begin + len(block)] = block
"""

FIT_FILE = """
import resource

X = np.load(sys.argv[1], mmap_mode="r")
y = np.ascontiguousarray(X[:, 0], np.float64)
limit = X.nbytes // 4
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(limit // 8)
except MemoryError:
    pass
else:
    raise AssertionError("the limit does not hold")
model = {model}
model.fit(X, y)
print(model.score(X[:1000], y[:1000]))
"""


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """Return the path of a file of 1.2 GB, removed at the end."""
    path = tmp_path_factory.mktemp("large") / "X.npy"
    run(WRITE, path, FILE_ROWS, FILE_COLUMNS)
    yield path
    path.unlink()


@pytest.mark.parametrize("setting", ["default", "adam", "early stopping"])
def test_a_file_fits_in_a_quarter_of_its_size(setting, large_file):
    model = f"SGDRidge(max_iter=1, random_state=0, {SETTINGS[setting]})"
    assert float(run(FIT_FILE.replace("{model}", model), large_file)) > 0.5
