"""From raw runs to medians, ratios and Markdown."""

import statistics


def median(runs, figure):
    values = [run[figure] for run in runs if run.get(figure) is not None]
    return statistics.median(values) if values else None


def table(header, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] + ["--:"] * (len(header) - 1), *rows])


def section(name, measurement, runs, notes):
    """`runs`: {contestant: [figures of each pair]}."""
    parts = [f"## {name}\n\n{measurement.title}."]
    columns = measurement.columns
    rows = [
        [contestant] + [
            "" if (value := median(runs[contestant], figure)) is None else format(value, form)
            for figure, form in columns.values()]
        for contestant in measurement.contestants if runs[contestant]]
    if rows:
        parts.append(table(["", *columns], rows))
    ratios = [row for comparison in measurement.comparisons if (row := ratio(comparison, runs))]
    if ratios:
        parts.append(table(["Ratio", "of the medians", "of each pair"], ratios))
    for contestant in measurement.contestants:
        if line := phases(runs[contestant]):
            parts.append(f"Where {contestant} spends its time: {line}.")
    parts += [
        f"Not measured: {', '.join(who for who in notes if notes[who] == note)}: {note}."
        for note in dict.fromkeys(notes.values())]
    return "\n\n".join(parts) + "\n"


def ratio(comparison, runs):
    """A row: the contestant over the other with the largest median."""
    figure = comparison.figure
    ours = median(runs[comparison.contestant], figure)
    medians = {other: value for other in comparison.others if (value := median(runs[other], figure))}
    if not ours or not medians:
        return None
    best = max(medians, key=medians.get)
    pairs = [a[figure] / b[figure] for a, b in zip(runs[comparison.contestant], runs[best])]
    what = f", {comparison.of}" if comparison.of else ""
    spread = f"{min(pairs):.2f} to {max(pairs):.2f}"
    return [f"{comparison.contestant} / {best}{what}", f"{ours / medians[best]:.2f}", spread]


def phases(runs):
    """metrics.json may say how many seconds each phase took."""
    runs = [run["phases"] for run in runs if run.get("phases")]
    if not runs:
        return None
    seconds = {phase: statistics.median(run.get(phase, 0) for run in runs) for phase in runs[0]}
    total = sum(seconds.values()) or 1
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    return ", ".join(f"{phase} {100 * value / total:.0f}%" for phase, value in ordered)
