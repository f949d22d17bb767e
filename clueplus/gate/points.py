"""Fractions of 1 as the points that people read."""

from __future__ import annotations


def points(value: float | None, *, signed: bool = False) -> str:
    """0.4213 as "42.1" (signed: "+42.1"), "-" where there is no number."""
    if value is None:
        return "-"
    text = f"{100 * value:{'+' if signed else ''}.1f}"
    return text.replace("-0.0", "0.0") if text == "-0.0" else text


def share(value: float | None) -> str:
    """0.874 as "87%", "-" where there is no number; never "100%" or "0%" for what is not certain."""
    if value is None:
        return "-"
    if 0.995 <= value < 1:
        return ">99%"
    return "<1%" if 0 < value < 0.005 else f"{100 * value:.0f}%"


def p_value(value: float | None) -> str:
    """0.0312 as "0.031", "<0.001" where it is smaller."""
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"
