# The public home of Step, for a user's compiled rules; source-stable within a minor
# version. `memory` and `t` belong to the rule; the underscored attributes do not.
from sgd_estimators._kernels.steps cimport Step
