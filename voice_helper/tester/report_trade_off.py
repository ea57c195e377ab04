"""Draw the chart of a calibration: the shares of right and refused lines per threshold, and the reliability of the
scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from voice_helper.understanding.calibration import Bin, Point

_WIDTH, _HEIGHT, _LEFT, _TOP = 360, 240, 48, 34
_GAP: Final = 60
_CURVES: Final = (
    ("right", "#1f77b4", "about our subject: right"),
    ("refused", "#b45f06", "about our subject: refused"),
    ("outside_refused", "#2e7d32", "other lines: refused"),
)


def trade_off_picture(points: Sequence[Point], chosen: Point, bins: Sequence[Bin], title: str) -> str:
    """Draw the shares against the `sure` threshold, with the chosen point marked, next to the reliability of the scores
    (SVG).
    """
    width = 2 * (_LEFT + _WIDTH) + _GAP + 16
    height = _TOP + _HEIGHT + 46 + 18 * len(_CURVES)
    shown = sorted((each for each in points if each.margin == chosen.margin), key=lambda each: each.sure)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" ',
        f'role="img" font-family="sans-serif" font-size="12"><title>{escape(title)}</title>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<g transform="translate({_LEFT} {_TOP})">',
        _axes("sure: the minimum score for an answer", "share of lines"),
        f'<text x="0" y="-14" font-weight="bold">{escape(title)}</text>',
    ]
    for number, (name, colour, label) in enumerate(_CURVES):
        line = " ".join(f"{_x(each.sure):.1f},{_y(getattr(each, name)):.1f}" for each in shown)
        below = _HEIGHT + 52 + 18 * number
        parts += [
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{_x(chosen.sure):.1f}" cy="{_y(getattr(chosen, name)):.1f}" r="4" fill="{colour}"/>',
            f'<rect x="0" y="{below - 9}" width="14" height="4" fill="{colour}"/>',
            f'<text x="20" y="{below - 3}">{escape(label)}, {getattr(chosen, name):.1%} at {chosen.sure:.2f}</text>',
        ]
    mark = f"{_x(chosen.sure):.1f}"
    parts += [
        f'<line x1="{mark}" x2="{mark}" y1="0" y2="{_HEIGHT}" stroke="#555" stroke-dasharray="4 3"/>',
        "</g>",
        f'<g transform="translate({2 * _LEFT + _WIDTH + _GAP} {_TOP})">',
        _axes("score of the nearest meaning", "share that is right"),
        f'<line x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="0" stroke="#999" stroke-dasharray="4 3"/>',
    ]
    for each in bins:
        share = each.right / each.count
        parts.append(
            f"<g><title>{each.low:.1f} to {each.low + 0.1:.1f}: {each.right} of {each.count} right</title>"
            f'<circle cx="{_x(each.mean_score):.1f}" cy="{_y(share):.1f}" r="{3 + min(9.0, each.count**0.5 / 2):.1f}" '
            f'fill="#1f77b4" fill-opacity="0.6"/></g>'
        )
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _axes(below: str, beside: str) -> str:
    marks = []
    for tenth in range(0, 11, 2):
        share = tenth / 10
        marks.append(f'<text x="{_x(share):.0f}" y="{_HEIGHT + 16}" text-anchor="middle">{share:.1f}</text>')
        marks.append(f'<text x="-8" y="{_y(share) + 4:.0f}" text-anchor="end">{share:.0%}</text>')
        marks.append(f'<line x1="0" x2="{_WIDTH}" y1="{_y(share):.0f}" y2="{_y(share):.0f}" stroke="#ddd"/>')
    middle = f'x="{_WIDTH / 2:.0f}" y="{_HEIGHT + 32}" text-anchor="middle"'
    frame = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#888"/>'
    return "".join(marks) + frame + f"<text {middle}>{escape(below)}</text><title>{escape(beside)}</title>"


def _x(share: float) -> float:
    return share * _WIDTH


def _y(share: float) -> float:
    return (1 - share) * _HEIGHT
