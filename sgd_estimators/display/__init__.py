"""Pictures of runs, schedules and searches, as scikit-learn's displays; need matplotlib."""

from ._bounds import BoundsDisplay
from ._momentum import MomentumDisplay
from ._noise import NoiseDisplay
from ._rate import RateDisplay
from ._schedule import ScheduleDisplay
from ._search import SearchDisplay
from ._training import TrainingCurveDisplay
from ._trajectory import TrajectoryDisplay

__all__ = [
    "BoundsDisplay",
    "MomentumDisplay",
    "NoiseDisplay",
    "RateDisplay",
    "ScheduleDisplay",
    "SearchDisplay",
    "TrainingCurveDisplay",
    "TrajectoryDisplay",
]
