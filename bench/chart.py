# SPDX-License-Identifier: Apache-2.0
"""The bar chart of the README: a panel for each set, a bar for each contestant, a line for the decode-only limit."""
from html import escape

BAR, GAP, LABEL, WIDTH, HEAD = 18, 6, 250, 420, 54
OURS, OTHERS, LIMIT = "#0b6e4f", "#9aa5b1", "#b3261e"


def said_rate(rate):
    return f"{rate:,.0f}" if rate >= 20 else f"{rate:.1f}"


def bar(y, name, rate, scale):
    colour = OURS if name.startswith("millrace") else OTHERS
    length = max(1, rate * scale)
    return (f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
            f'<text x="{LABEL + length + 6:.1f}" y="{y + 13}">{said_rate(rate)}</text>')


def panel(top, title, rates, limit):
    """The lines of one set, and how high it is."""
    order = sorted(rates, key=lambda name: -rates[name])
    scale = WIDTH / max([limit, *rates.values()])
    height = len(order) * (BAR + GAP)
    at = LABEL + limit * scale
    lines = [f'<text x="{LABEL}" y="{top + 16}" font-weight="bold">{escape(title)}</text>']
    lines += [bar(top + HEAD - 18 + i * (BAR + GAP), name, rates[name], scale) for i, name in enumerate(order)]
    lines.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top + HEAD - 22}" y2="{top + HEAD - 18 + height}" '
                 f'stroke="{LIMIT}" stroke-width="2" stroke-dasharray="4 3"/>')
    lines.append(f'<text x="{at:.1f}" y="{top + HEAD - 26}" text-anchor="end" fill="{LIMIT}">'
                 f'libjpeg-turbo decode only: {said_rate(limit)}</text>')
    return lines, HEAD + height + 8


def draw(result, sets):
    """`sets`: name -> {"limit": rate, "rates": {contestant: rate}}. The text of an SVG."""
    title = (f"images/s, {result['workers']} workers, {result['machine']['cpu']}; medians of {result['rounds']}, "
             f"load {result['machine']['load_before']} before")
    lines, top = [], 40
    for name, one in sets.items():
        more, height = panel(top, name, one["rates"], one["limit"])
        lines += more
        top += height
    width = LABEL + WIDTH + 80
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}" '
            f'font-family="sans-serif" font-size="12" fill="#1f2933">\n'
            f'<rect width="{width}" height="{top}" fill="#ffffff"/>\n'
            f'<text x="16" y="24" font-size="14" font-weight="bold">{escape(title)}</text>\n'
            + "\n".join(lines) + "\n</svg>\n")
