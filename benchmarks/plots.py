#!/usr/bin/env python3
"""Draws what sweep_bench measured, from its CSV, as SVG: rate by clients, latency by share of the writes, cost of a
read by rows.

    ./dev bench --benchmark_filter=sweep_bench --csv=sweep.csv
    python3 benchmarks/plots.py sweep.csv DIRECTORY

Needs nothing beside Python. Where a figure was measured more than once, the last one counts.
"""

import csv
import math
import pathlib
import re
import sys

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 40, 50
COLOURS = {
    "dictsqlite": "#d62728",
    "RocksDB": "#1f77b4",
    "LevelDB": "#2ca02c",
    "LMDB": "#9467bd",
    "SQLite by hand": "#8c564b",
    "Redis": "#ff7f0e",
}
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "longest": 0.9999}
NAME = re.compile(r"(durable sets|gets), (\d+) (?:clients|rows), ([^:]+)(?:: (.+))?$")


def read(path):
    """{(what, number): {store: {figure: value}}}"""
    found = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            match = NAME.match(row["figure"]) if row["program"] == "sweep_bench" else None
            if match is None:
                continue
            what, number, store, figure = match.groups()
            figures = found.setdefault((what, int(number)), {}).setdefault(store, {})
            figures[figure or "rate"] = float(row["median"])
    return found


def short(value):
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


class Axis:
    """Logarithmic; `at` gives the place of a value between `begin` and `end`."""

    def __init__(self, values, begin, end, label=short):
        low, high = min(values), max(values)
        self.low = math.log10(low) if low < high else math.log10(low) - 0.5
        self.high = math.log10(high) if low < high else math.log10(high) + 0.5
        self.begin, self.end, self.label = begin, end, label

    def at(self, value):
        return self.begin + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.begin)


def powers_of_ten(low, high):
    return [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def draw(path, title, x_title, y_title, lines, x_label=short):
    """`lines`: {store: [(x, y), ...]}, all above zero."""
    points = [point for line in lines.values() for point in line]
    xs = sorted({x for x, _ in points})
    ys = powers_of_ten(min(y for _, y in points), max(y for _, y in points))
    x_axis = Axis(xs, LEFT, WIDTH - RIGHT, x_label)
    y_axis = Axis(ys, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{title}</text>',
    ]
    for y in ys:
        place = y_axis.at(y)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{short(y)}</text>')
    for x in xs:
        place = x_axis.at(x)
        parts.append(f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x_axis.label(x)}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{x_title}</text>')
    parts.append(
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">{y_title}</text>'
    )
    for index, (store, line) in enumerate(lines.items()):
        colour = COLOURS.get(store, "black")
        places = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(y):.1f}" for x, y in sorted(line))
        parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{TOP + 14 + 18 * index}" fill="{colour}">{store}</text>')
    path.write_text("\n".join(parts + ["</svg>\n"]), encoding="utf-8")
    print(path)


def lines_of(found, what, value):
    """One line a store; `value` makes a figure of what was measured."""
    lines = {}
    for (name, number), stores in sorted(found.items()):
        if name != what:
            continue
        for store, figures in stores.items():
            if "rate" in figures:
                lines.setdefault(store, []).append((number, value(figures)))
    return lines


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found = read(sys.argv[1])
    directory = pathlib.Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    rates = lines_of(found, "durable sets", lambda figures: figures["rate"])
    if rates:
        draw(directory / "clients.svg", "Durable sets, 1 M keys", "clients", "sets a second", rates)
    many = found.get(("durable sets", 64), {})
    latencies = {
        store: [(1 / (1 - share), figures[name]) for name, share in SHARES.items() if figures.get(name, 0) > 0]
        for store, figures in many.items()
    }
    if latencies:
        names = {round(1 / (1 - share)): name for name, share in SHARES.items()}
        draw(
            directory / "latencies.svg",
            "Durable sets by 64 clients, how long one takes",
            "share of the sets",
            "microseconds",
            latencies,
            lambda x: names[round(x)],
        )
    costs = lines_of(found, "gets", lambda figures: 1e9 / figures["rate"])
    if costs:
        draw(directory / "rows.svg", "Reads of what is in memory, one thread", "rows", "nanoseconds a read", costs)
    if not (rates or latencies or costs):
        sys.exit(f"{sys.argv[1]} has nothing of sweep_bench")


if __name__ == "__main__":
    main()
