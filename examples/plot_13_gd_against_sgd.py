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
accuracies = np.geomspace(3e-3, 1.5e-4, 9)
display = BoundsDisplay.from_data(
    X, y, accuracies=accuracies, n_updates=40_000, n_repeats=50
)
display.ax_.set_title(f"iterations, κ = {display.kappa:.1f}, ν = {display.nu:.1f}")
assert np.all(display.gd <= np.ceil(display.gd_bound_))
assert np.all(display.sgd <= display.sgd_bound_)

slope = np.polyfit(np.log(accuracies), np.log(display.sgd), 1)[0]
print(f"SGD: iterations ~ rho^{slope:.2f}")
assert abs(slope + 1) < 0.1

digits = np.log10(1 / accuracies)
line = np.polyfit(digits, display.gd, 1)
off = np.max(np.abs(np.polyval(line, digits) - display.gd))
print(f"GD: {line[0]:.2f} iterations a digit, off the straight line by {off:.2f} at most")
assert off < 1

# %%
# In passes, which is what they cost, SGD is ahead until the accuracy is high. And data
# of n rows deserves no high accuracy: its own minimum is off the truth by an *estimation
# error*, on average d / (2 n) for noise of variance 1, the grey line. To come closer than
# that is *optimisation* for its own sake.
ax = display.plot(unit="passes").ax_
estimation = X.shape[1] / (2 * n)
ax.axvline(estimation, color="0.5")
ax.text(estimation, 0.1, " estimation error", color="0.35", rotation=90)
ax.set_title(f"passes over {n:,} rows")
ahead = display.sgd / n < display.gd
print(f"estimation error {estimation:.1e}, SGD ahead down to {accuracies[ahead][-1]:.1e}")
assert ahead.all()
assert estimation < accuracies.min()

# %%
# In seconds: a row visited by itself costs more than one of many.
for name, batch, found in (("GD", n, display.gd), ("SGD", 1, display.sgd)):
    model = SGDLinearRegressor(optimizer="sgd", batch_size=batch, tol=0.01, random_state=0)
    update = min(model.fit(X, y).history_["seconds"]) * batch / n
    each = ", ".join(f"{1e3 * update * k:.2f}" for k in found[[0, 4, 8]])
    print(f"{name}: {1e6 * update:.2f} µs an update, {each} ms to rho = 3e-3, 7e-4, 1.5e-4")
plt.show()
