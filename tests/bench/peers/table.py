"""Rows of measurements -> a table. A row: work, case, peer, peer_ms, nodec_ms, ratio, and where they are known goal (a ratio),
peer_error, nodec_error, equal_ratio (at the peer's error) and note. nodec_ms None: not measured."""
import os


def machine(threads):
    name = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    plural = "" if threads == 1 else "s"
    return f"{name}, {os.cpu_count()} cores, {threads} thread{plural}"


def row(work, case, peer, peer_ms, nodec_ms, goal=None, **further):
    return {"work": work, "case": case, "peer": peer, "peer_ms": peer_ms, "nodec_ms": nodec_ms,
            "ratio": nodec_ms and peer_ms / nodec_ms, "goal": goal, **further}


def number(value, unit=""):
    if value is None:
        return ""
    return f"{value:.3g}{unit}" if value < 1000 else f"{value:.0f}{unit}"


def text(rows, work):
    titles = ["case", "peer", "peer ms", "nodec ms", "ratio", "goal", "peer error", "nodec error", "at equal error", "note"]
    lines = [titles]
    for r in rows:
        if r["work"] != work:
            continue
        lines.append([r["case"], r["peer"], number(r["peer_ms"]), number(r["nodec_ms"]), number(r["ratio"], " x"),
                      number(r["goal"], " x"), number(r.get("peer_error")), number(r.get("nodec_error")), number(r.get("equal_ratio"), " x"),
                      r.get("note", "")])
    if len(lines) == 1:
        return ""
    used = [c for c in range(len(titles)) if any(line[c] for line in lines[1:])]
    widths = {c: max(len(line[c]) for line in lines) for c in used}
    out = [f"\n{work}"]
    for line in lines:
        out.append("  " + "  ".join(line[c].ljust(widths[c]) if c < 2 or c == 9 else line[c].rjust(widths[c])
                                    for c in used).rstrip())
    return "\n".join(out)
