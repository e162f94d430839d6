#!/usr/bin/env python3
"""Reduces recordings of real rollouts to the fixtures beside this script.

    tests/traces/reduce.py RECORDINGS

RECORDINGS has one summary per recorded rollout, NAME.json or NAME.REPEAT.json, as the recorder wrote
it: pods, rs_scale, deployment, series, steps. Recordings that differ in REPEAT only are one family and
become one NAME.json here. Its fields are named as in `rollcast trace -o json`; times are seconds since
the first step, to a millisecond; absent: did not happen.
"""

import json
import sys
from pathlib import Path

REVISIONS = {"v1": "old", "v2": "new", "v3": "rev3"}
TIMES = ["created", "bound", "running", "ready", "in_slice_ready", "terminating", "out_of_slice_ready",
         "finished", "gone"]
SETTINGS = ["replicas", "strategy", "maxSurge", "maxUnavailable", "minReadySeconds", "progressDeadlineSeconds",
            "publishNotReadyAddresses", "readinessProbe", "preStopSleep", "ann"]


def pod(recorded):
    # An address that is published unready never turns unready in its slice: it leaves when it is dropped.
    entered = recorded["initial"] or recorded.get("in_slice_ready") is not None
    left = [recorded[key] for key in ("out_of_slice_ready", "removed_from_slice")
            if entered and recorded.get(key) is not None]
    times = dict(recorded, out_of_slice_ready=min(left, default=None))
    happened = {key: round(times[key], 3) for key in TIMES if times.get(key) is not None}
    return {"revision": REVISIONS[recorded["version"]], "initial": recorded["initial"], **happened}


def scale(recorded):
    # "rs v1 spec 4->3"; a ReplicaSet that is created comes from None.
    _, version, _, change = recorded["change"].split()
    before, after = change.split("->")
    return {"t": round(recorded["t"], 3), "revision": REVISIONS[version],
            "from": None if before == "None" else int(before), "to": int(after)}


def conditions(recorded):
    """Changes of the Deployment's conditions, each alone."""
    known, changes = {}, []
    for change in recorded:
        for condition in change.get("conditions") or []:
            kind, state = condition.split("=")
            status, reason = state.split("/")
            if known.get(kind) != state:
                known[kind] = state
                changes.append({"t": round(change["t"], 3), "condition": kind, "status": status == "True",
                                "reason": reason})
    return changes


def reduced(name, summary):
    series = [row for row in summary["series"] if row["t"] >= 0]
    return {
        "repeat": name,
        "peak_pods": max(row["pods"] for row in series),
        "min_ready_in_slice": min(sum(row["slice_ready"].values()) for row in series),
        "rs_scale": [scale(row) for row in summary["rs_scale"]],
        "deployment": conditions(summary["deployment"]),
        "pods": [pod(row) for row in summary["pods"]],
    }


def text(value):
    """JSON with one line a pod or change, so that a difference is a line."""
    line = json.dumps(value)
    if isinstance(value, dict) and ("repeats" in value or "pods" in value):
        inner = [f"{json.dumps(key)}: {text(item)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner) + "\n}"
    if isinstance(value, list) and len(line) > 100:
        return "[\n" + ",\n".join(map(text, value)) + "\n]"
    return line


def main(recordings):
    families = {}
    for path in sorted(Path(recordings).glob("*.json")):
        name, _, repeat = path.stem.partition(".")
        families.setdefault(name, []).append((repeat or "r1", json.loads(path.read_text())))
    for name, summaries in families.items():
        scenario = summaries[0][1]["scenario"]
        family = {
            "name": name,
            "nodes": scenario["nodeKind"],
            "settings": {key: scenario[key] for key in SETTINGS if key in scenario},
            "steps": scenario["steps"],
            "repeats": [reduced(repeat, summary) for repeat, summary in summaries],
        }
        Path(__file__).with_name(f"{name}.json").write_text(text(family) + "\n")
    print(f"{sum(map(len, families.values()))} recordings, {len(families)} families")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
