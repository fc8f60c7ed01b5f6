"""The report as a badge: an SVG of a few hundred bytes, which needs nobody's server."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from core_llm_conformance.report.model import Report, Verdict

LABEL: Final = "core-llm"
_MESSAGES: Final[dict[Verdict, tuple[str, str]]] = {
    "conforms": ("conforms to {level}", "#2a7f3f"),
    "conforms_but": ("conforms to {level}, exceptions", "#8a6d1b"),
    "partial": ("not all tested", "#5f6368"),
    "fails": ("does not conform to {level}", "#b3261e"),
}
_CHARACTER: Final = 6.6
"""The width of a character at 11 pixels, about; `textLength` makes it fit whatever font there is."""
_PADDING: Final = 8


def as_badge(report: Report) -> str:
    """Return the report's verdict as SVG."""
    text, colour = _MESSAGES[report.verdict]
    message = escape(text.format(level=report.level))
    left, right = _width(LABEL), _width(message)
    title = f"{LABEL}: {message}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">\n'
        f"  <title>{title}</title>\n"
        f'  <rect width="{left}" height="20" fill="#3c4043"/>\n'
        f'  <rect x="{left}" width="{right}" height="20" fill="{colour}"/>\n'
        '  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">\n'
        f'    <text x="{_PADDING}" y="14" textLength="{left - 2 * _PADDING}">{LABEL}</text>\n'
        f'    <text x="{left + _PADDING}" y="14" textLength="{right - 2 * _PADDING}">{message}</text>\n'
        "  </g>\n"
        "</svg>\n"
    )


def _width(text: str) -> int:
    return round(len(text) * _CHARACTER) + 2 * _PADDING
