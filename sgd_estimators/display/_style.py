"""What the displays share: axes, colours and dashes."""

from typing import Any

# Told apart with any colour vision, and in grey by their dashes (Okabe and Ito, 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", "--", "-.", ":")


def axes(ax: Any, projection: str | None = None) -> Any:
    """Return the axes, or those of a new figure."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("a display needs matplotlib: pip install matplotlib") from error
    kind = {"projection": projection}
    return pyplot.subplots(layout="constrained", subplot_kw=kind)[1]


def style(ax: Any) -> dict[str, Any]:
    """Return the colour and the dashes of the next line on the axes."""
    n = len(ax.lines)
    return {"color": COLOURS[n % len(COLOURS)], "linestyle": DASHES[n % len(DASHES)]}
