"""Pictures of runs, schedules and searches, as scikit-learn's displays; need matplotlib."""

from ._schedule import ScheduleDisplay
from ._search import SearchDisplay
from ._training import TrainingCurveDisplay

__all__ = ["ScheduleDisplay", "SearchDisplay", "TrainingCurveDisplay"]
