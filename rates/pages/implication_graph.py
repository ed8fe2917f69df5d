"""The graph of implications as an SVG whose statements are links: who implies stands to the left of what is implied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from xml.etree import ElementTree

from tightrate.rates.relations.implications import implications
from tightrate.rates.statements.catalogue import statement

WIDE, HIGH = 216, 18  # of a box, in pixels
ACROSS, DOWN = 280, 24  # from one layer to the next, from one row to the next
MARGIN, BETWEEN = 12, 20  # around everything, between two groups that nothing connects
SWEEPS = 8  # over the layers, each row moved to the mean of its neighbours
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #222 }
rect { fill: #f4f6f9; stroke: #8a94a3; stroke-width: .7 }
a:hover rect, a:focus rect { fill: #dce9f9; stroke: #174ea6 }
path { fill: none; stroke: #5b6675; stroke-width: 1 }
path.fails { stroke: #b5541c; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #eee } rect { fill: #2a2f36; stroke: #7b8592 } path { stroke: #a3acb8 } path.fails { stroke: #f0915a }
}
"""
Edge = tuple[str, str, bool]
"""Source, target, and whether it holds."""


def edges() -> tuple[Edge, ...]:
    """The implications between two statements; the one that zero somewhere says of no other is left out."""
    between = [one for one in implications() if one.target not in ("0", one.source)]
    return tuple(dict.fromkeys((one.source, one.target, not one.fails_because) for one in between))


def graph(found: Sequence[Edge]) -> str:
    """The picture; links lead to the papers' pages of the site, one folder up."""
    place = _places(found)
    width = max(x for x, _ in place.values()) + WIDE + MARGIN
    height = max(y for _, y in place.values()) + HIGH + MARGIN
    size = {"width": str(width), "height": str(height), "viewBox": f"0 0 {width} {height}"}
    svg = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size})
    ElementTree.SubElement(svg, "title").text = "Which statements imply which"
    ElementTree.SubElement(svg, "style").text = STYLE
    for source, target, holds in found:
        line = ElementTree.SubElement(svg, "path", {"d": _curve(place[source], place[target])})
        if not holds:
            line.set("class", "fails")
        ElementTree.SubElement(line, "title").text = f"{source} {'implies' if holds else 'does not imply'} {target}"
    for name, (x, y) in sorted(place.items(), key=lambda item: item[1]):
        link = ElementTree.SubElement(svg, "a", {"href": f"../papers/{name}.html", "target": "_top"})
        box = {"x": str(x), "y": str(y), "width": str(WIDE), "height": str(HIGH), "rx": "3"}
        ElementTree.SubElement(link, "title").text = statement(name).title.replace("$", "")
        ElementTree.SubElement(link, "rect", box)
        ElementTree.SubElement(link, "text", {"x": str(x + 6), "y": str(y + 13)}).text = name
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def _curve(source: tuple[int, int], target: tuple[int, int]) -> str:
    (x, y), (to_x, to_y) = source, target
    y, to_y = y + HIGH // 2, to_y + HIGH // 2
    if to_x > x:
        x, bend = x + WIDE, (to_x - x - WIDE) // 2
        return f"M{x} {y}C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}"
    return f"M{x + WIDE} {y}C{x + WIDE + 40} {y} {to_x + WIDE + 40} {to_y} {to_x + WIDE} {to_y}"  # one that leads back


def _places(found: Sequence[Edge]) -> dict[str, tuple[int, int]]:
    """The upper left corner of each statement's box, group by group from the top, the largest first."""
    implied: dict[str, set[str]] = defaultdict(set)
    touching: dict[str, set[str]] = defaultdict(set)
    for source, target, holds in found:
        touching[source].add(target)
        touching[target].add(source)
        implied[source] |= {target} if holds else set()
    place: dict[str, tuple[int, int]] = {}
    top = MARGIN
    for group in sorted(_groups(touching), key=lambda group: (-len(group), min(group))):
        layers = _layers(group, implied, touching)
        tallest = max(map(len, layers))
        for column, names in enumerate(layers):
            for row, name in enumerate(names):
                place[name] = (MARGIN + column * ACROSS, top + row * DOWN + (tallest - len(names)) * DOWN // 2)
        top += tallest * DOWN + BETWEEN
    return place


def _groups(touching: Mapping[str, Collection[str]]) -> list[set[str]]:
    groups: list[set[str]] = []
    for start in touching:
        if any(start in group for group in groups):
            continue
        group, waiting = set[str](), [start]
        while waiting:
            name = waiting.pop()
            if name not in group:
                group.add(name)
                waiting += touching[name]
        groups.append(group)
    return groups


def _layers(
    group: Collection[str], implied: Mapping[str, Collection[str]], touching: Mapping[str, Collection[str]]
) -> list[list[str]]:
    """Columns of names: an implied one to the right of all that imply it, but where implications close a circle."""
    depth: dict[str, int] = {}

    def below(name: str, above: tuple[str, ...]) -> int:
        if name not in depth:
            parents = [one for one in sorted(group) if name in implied.get(one, ()) and one not in (*above, name)]
            depth[name] = 1 + max((below(one, (*above, name)) for one in parents), default=-1)
        return depth[name]

    columns: dict[int, list[str]] = defaultdict(list)
    for name in sorted(group):
        columns[below(name, ())].append(name)
    layers = [columns[index] for index in range(max(columns) + 1)]
    row: dict[str, float] = {}
    for names in layers:
        row |= {name: index - len(names) / 2 for index, name in enumerate(names)}  # around the middle
    for _ in range(SWEEPS):
        for names in layers:
            wish = {name: sum(row[other] for other in touching[name]) / len(touching[name]) for name in names}
            names.sort(key=lambda name: (wish[name], name))
            row |= {name: index - len(names) / 2 for index, name in enumerate(names)}
    return layers
