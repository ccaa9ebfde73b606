"""What was measured, for people: tables, and the targets."""

from statistics import median

from bench.host_recovery.measure import FLOOR, LOCKING, PLAIN, WAYS, Row

COLUMNS = (
    ("servers", "{0.servers}"), ("spawn", "{0.delay:g} s"), ("way", "{0.way}"),
    ("wall s", "{0.wall:.1f}"), ("x floor", "{ratio}"), ("first s", "{0.first_evacuate:.1f}"),
    ("requests", "{0.total}"), ("/server", "{0.per_server:.2f}"), ("tasks", "{0.tasks}"),
    ("actions", "{0.actions}"), ("CPU s", "{0.cpu:.1f}"), ("Nova CPU s", "{0.nova_cpu:.1f}"),
    ("peak MB", "{0.memory}"), ("load", "{0.load:.1f}"), ("others", "{0.others:.2f}"),
    ("stolen", "{0.stolen:.2f}"),
)
LEGEND = """\
wall: from the request to start until all has ended. first: until the first evacuate call.
requests: to identity and compute, discovery included. CPU, peak MB: of Mistral (engine, executor
and API are one process), or of the floor's process. load: average of the last minute before the
row. others, stolen: CPUs busy with something else, and taken away from this machine."""


def table(rows: list[Row]) -> str:
    """Return a Markdown table with a line per row."""
    lines = [[name for name, _ in COLUMNS]]
    for row in rows:
        base = _median(rows, FLOOR, row.servers, row.delay, "wall")
        ratio = f"{row.wall / base:.2f}" if base else "-"
        lines.append([text.format(row, ratio=ratio) for _, text in COLUMNS])
    return markdown(lines, left=("way",))


def kinds(rows: list[Row], servers: int, delay: float) -> str:
    """Return a Markdown table with a line per kind of request and a column per way."""
    columns = {}
    for row in rows:
        if (row.servers, row.delay) == (servers, delay):
            columns.setdefault(row.way, row)  # of repetitions, the first
    names = dict.fromkeys(kind for row in columns.values() for kind in row.requests)
    lines = [["request", *columns]]
    lines += [[name, *(str(row.requests.get(name, "")) for row in columns.values())]
              for name in sorted(names)]
    lines.append(["total", *(str(row.total) for row in columns.values())])
    return markdown(lines, left=("request",))


def targets(rows: list[Row]) -> str:
    """Return a line per target, as far as the rows can tell; medians over repetitions."""
    lines = []
    most = max(row.servers for row in rows)
    for delay in sorted({row.delay for row in rows}):
        for way in WAYS[1:]:
            floor = _median(rows, FLOOR, most, delay, "wall")
            wall = _median(rows, way, most, delay, "wall")
            if floor and wall:
                lines.append(_verdict(f"{way}: wall time, x floor ({most} servers, {delay:g} s)",
                                      wall / floor, 1.25))
        for way, limit in ((LOCKING, 4.5), (PLAIN, 2.5)):
            spent = _median(rows, way, most, delay, "per_server")
            if spent:
                lines.append(_verdict(f"{way}: requests per server ({most} servers, "
                                      f"{delay:g} s)", spent, limit))
    pack = [row for row in rows if row.way != FLOOR]
    if pack:
        first = max(row.first_evacuate for row in pack)
        lines.append(_verdict("pack: slowest first evacuate call, s", first, 3))
        tasks = sorted({row.tasks for row in pack})
        met = "met" if len(tasks) == 1 else "MISSED"
        lines.append(f"{met:7} pack: number of tasks at every size: {tasks}")
    return "\n".join(lines)


def _verdict(what, value, limit):
    return f"{'met' if value <= limit else 'MISSED':7} {what}: {value:.2f} (target {limit})"


def _median(rows, way, servers, delay, name):
    found = [getattr(row, name) for row in rows
             if (row.way, row.servers, row.delay) == (way, servers, delay)]
    return median(found) if found else None


def markdown(lines, left):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]

    def one(cells):
        padded = (cell.ljust(width) if name in left else cell.rjust(width)
                  for cell, width, name in zip(cells, widths, lines[0], strict=True))
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if name in left else ":")
                          for w, name in zip(widths, lines[0], strict=True)) + "|"
    return "\n".join([one(lines[0]), rule, *map(one, lines[1:])])
