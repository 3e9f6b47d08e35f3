"""Checks that a report of `bench --json` has all its keys, with values that any machine could give."""
import json
import sys

with open(sys.argv[1]) as file:
    models = json.load(file)["models"]
for m in models:
    for name in ("batch", "threads", "forward_ms", "evaluations", "accepted", "peak_gflops", "forward_peak",
                 "compile_ms", "bytes_per_sample"):
        assert m[name] > 0, (name, m[name])
    assert 0 <= m["rejected"] < m["evaluations"], m["rejected"]
    assert 0 < m["lane_efficiency"] <= 1, m["lane_efficiency"]
    assert m["group_tiles"] >= 1 and m["gradient_group_tiles"] >= 1, m
    assert 0 < m["forward_peak"] < 1.5, m["forward_peak"]
    assert m["form"] in ("lanes", "features"), m["form"]
    assert set(m["stages_ms"]) >= {"parse", "elaborate", "derive", "schedule", "codegen", "jit"}, m["stages_ms"]
    assert "jit (cached)" in m["stages_cached_ms"], m["stages_cached_ms"]
    assert m["failures"] == 0, m["failures"]
    if m["gradient_ms"] is None:
        assert m["gradient_peak"] is None and m["gradient_over_forward"] is None
        print(f"{m['model']}: no gradient")
    else:
        assert m["gradient_ms"] > 0 and 0 < m["gradient_peak"] < 1.5, m
        plural = "" if m["threads"] == 1 else "s"
        print(f"{m['model']}: batch {m['batch']}, {m['precision']}, {m['threads']} thread{plural}")
