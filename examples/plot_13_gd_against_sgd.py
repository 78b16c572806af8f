r"""
Gradient descent against SGD
============================

To come within :math:`\rho` of the minimum, gradient descent needs at most
:math:`\kappa \log 1/\rho` passes over the data, SGD :math:`\nu\kappa^2/\rho` single rows
(Bottou and Bousquet 2007). The one is linear in the digits, the other does not know how
many rows there are.
"""

import matplotlib.pyplot as plt
import numpy as np

from sgd_estimators import SGDLinearRegressor
from sgd_estimators.display import BoundsDisplay

rng = np.random.default_rng(0)
n, truth = 20_000, np.array([0.3, -0.3, 0.3])
X = rng.uniform(-1, 1, size=(n, 3)) * np.sqrt(3) * [1.0, 1.5, 2.5]
y = X @ truth + rng.normal(size=n)

# %%
# Measured, with the two bounds: below them, and with their slopes.
rho = np.geomspace(3e-3, 2e-4, 9)
found = BoundsDisplay.from_data(X, y, accuracies=rho, n_updates=14_000, n_repeats=50)
found.ax_.set_title(f"iterations, κ = {found.kappa:.1f}, ν = {found.nu:.1f}")
assert np.all(found.gd <= np.ceil(found.gd_bound_))
assert np.all(found.sgd <= found.sgd_bound_)

slope = np.polyfit(np.log(rho), np.log(found.sgd), 1)[0]
print(f"SGD: iterations ~ rho^{slope:.2f}")
assert abs(slope + 1) < 0.1

line = np.polynomial.Polynomial.fit(-np.log10(rho), found.gd, 1)
off = np.abs(line(-np.log10(rho)) - found.gd).max()
print(f"GD: {line.convert().coef[1]:.2f} iterations a digit, off the line by {off:.2f}")
assert off < 1

# %%
# In passes, which is what they cost, SGD is ahead until the accuracy is high. Data of n
# rows deserve no high accuracy: their own minimum is off the truth by an *estimation
# error*, on average d / (2 n) for noise of variance 1, the grey line. To come closer than
# that is *optimisation* for its own sake.
ax = found.plot(unit="passes").ax_
estimation = 3 / (2 * n)
ax.axvline(estimation, color="0.5")
ax.text(estimation, 0.1, " estimation error", color="0.35", rotation=90)
ax.set_title(f"passes over {n:,} rows")
assert np.all(found.sgd / n < found.gd)

# %%
# In seconds: a row visited by itself costs more than one of many.
for name, batch, steps in (("GD", n, found.gd), ("SGD", 1, found.sgd)):
    model = SGDLinearRegressor(optimizer="sgd", batch_size=batch, tol=0.01, random_state=0)
    ms = 1e3 * min(model.fit(X, y).history_["seconds"]) * batch / n
    print(f"{name}: {1e3 * ms:.2f} µs an update, {ms * steps[-1]:.1f} ms to rho = 2e-4")
plt.show()
