"""Tools of a broken house."""

from controller.tools import tool


@tool
def opening_hours() -> str:
    """Tell the opening hours."""
    return "9 to 5"
