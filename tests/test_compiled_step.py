"""The example of a user's compiled optimizer builds, and works as one of ours."""

import copy
import importlib
import os
import pickle
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from sgd_estimators._kernels.steps import AveragedStep, as_step
from sgd_estimators.optimizers import get_optimizer

EXAMPLE = Path(__file__).parents[1] / "examples" / "compiled_step"
COMPILER = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"

pytestmark = pytest.mark.skipif(
    shutil.which(shlex.split(COMPILER)[0]) is None,
    reason=f"there is no C compiler ({COMPILER})",
)


@pytest.fixture(scope="module")
def sign_step(tmp_path_factory):
    """The example's module, built in a folder of its own."""
    folder = tmp_path_factory.mktemp("compiled_step")
    for name in ("setup.py", "sign_step.pyx"):
        shutil.copy(EXAMPLE / name, folder)
    built = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=folder,
        env={**os.environ, "CFLAGS": "-O0"},  # only to build faster
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("sign_step")
    sys.modules.pop("sign_step")


@pytest.fixture
def gradients():
    return np.random.default_rng(0).normal(size=(20, 5))


def run(step, x, gradients):
    for g in gradients:
        step(x, g, 0.1)
    return x


def test_equals_its_formula(sign_step, gradients):
    x = run(sign_step.SignSGD(beta=0.8).start(5), np.zeros(5), gradients)
    m = expected = np.zeros(5)
    for g in gradients:
        m = 0.8 * m + (1 - 0.8) * g
        expected = expected - 0.1 * np.sign(m)
    # a compiler may fuse a multiplication and an addition
    np.testing.assert_allclose(x, expected, rtol=1e-13, atol=1e-13)


def test_goes_into_the_compiled_loop_as_it_is(sign_step, gradients):
    step = sign_step.SignSGD().start(5)
    assert as_step(step) is step
    # here our compiled code calls the user's
    averaged = AveragedStep(sign_step.SignSGD().start(5))
    np.testing.assert_array_equal(
        run(averaged, np.zeros(5), gradients), run(step, np.zeros(5), gradients)
    )


@pytest.mark.parametrize(
    "copied",
    [lambda step: pickle.loads(pickle.dumps(step)), copy.deepcopy],
    ids=["pickle", "deepcopy"],
)
def test_goes_on_bit_for_bit(sign_step, copied, gradients):
    step, x = sign_step.SignSGD().start(5), np.zeros(5)
    run(step, x, gradients[:10])
    other, y = copied(step), x.copy()
    run(other, y, gradients[10:])
    run(step, x, gradients[10:])
    np.testing.assert_array_equal(x, y)


def test_is_a_recipe_for_scikit_learn(sign_step):
    recipe = clone(sign_step.SignSGD().set_params(beta=0.5))
    assert recipe.get_params() == {"beta": 0.5}
    assert repr(recipe) == "SignSGD(beta=0.5)"
    assert get_optimizer(recipe) is recipe
    assert isinstance(get_optimizer(sign_step.SignSGD), sign_step.SignSGD)


def test_wrong_vectors_are_rejected(sign_step):
    with pytest.raises(ValueError, match="the 3 entries"):
        sign_step.SignSGD().start(3)(np.ones(2), np.ones(2), 0.1)
