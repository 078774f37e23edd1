"""The signals of docs/signals.md, computed a second time: from a race's whole history at every poll, in exact fractions.

Reads one race per line of JSON and writes what its polls give. Shares nothing with the crate; `reference.rs` compares the two.
"""

import json
import math
import sys
from fractions import Fraction

ONE = 10**18
RARITIES = (20, 50, 100, 200, 500, 1000)
PROVISIONAL = {"phi": 13500, "n": 0, "evidence": [400, None, None, 550, None, None]}


def half_away(value):
    """Rounds a fraction or float half away from zero."""
    value = Fraction(value)
    whole = int(abs(value) * 2 + 1) // 2
    return whole if value >= 0 else -whole


def running(poll):
    runners = [runner for runner in poll["runners"] if not runner["scratched"]]
    return sorted(runners, key=lambda runner: (runner["number"], runner["id"]))


def is_whole(poll):
    return bool(poll["win_cents"]) and bool(running(poll)) and all(runner["tote"] for runner in running(poll))


def edges(tote, step, rounding):
    """The least and the most that odds stand for, and the middle."""
    if rounding == "down":
        return Fraction(tote), Fraction(tote + step), tote + Fraction(step, 2)
    half = Fraction(step, 2)
    return max(tote - half, Fraction(1, 2)), tote + half, Fraction(tote)


def bounds(polls, rounding):
    """Low, middle and high of each runner at the last of these polls."""
    is_fine, most, least = False, None, 0
    for poll in filter(is_whole, polls):
        totes = [runner["tote"] for runner in running(poll)]
        is_fine = is_fine or any(tote % 10 for tote in totes)
        spans = [edges(tote, 5 if is_fine else 10, rounding) for tote in totes]
        a = [math.ceil(ONE / low) for low, _, _ in spans]
        b = [math.floor(ONE / high) for _, high, _ in spans]
        middles = [math.floor(ONE / middle) for _, _, middle in spans]
        upper = sum(a) if min(totes) > 104 else None
        most = upper if most is None else most if upper is None else min(most, upper)
        least = max(least, sum(b))
        if most is not None and least >= most:
            most, least = upper, sum(b)
    pool = polls[-1]["win_cents"]
    low = [pool * of // most if most else 0 for of in b]
    high = [pool if tote <= 104 else -(-pool * of // least) for tote, of in zip(totes, a)]
    result = {}
    for at, runner in enumerate(running(polls[-1])):
        lowest = max(low[at], pool - sum(high) + high[at])
        highest = min(high[at], pool - sum(low) + low[at])
        middle = half_away(Fraction(pool * middles[at], sum(middles)))
        result[runner["id"]] = (lowest, min(max(middle, lowest), highest), highest)
    return result


class Snapshot:
    def __init__(self, polls, rounding):
        poll = polls[-1]
        self.pool = poll["win_cents"]
        self.bounds = bounds(polls, rounding)
        self.tote = {runner["id"]: runner["tote"] for runner in running(poll)}
        self.fixed = {runner["id"]: runner["fixed"] for runner in running(poll)}
        self.middles = sum(middle for _, middle, _ in self.bounds.values())


def flow(base, new):
    """What each runner received, or None where there is no flow; and whether the new snapshot becomes the base."""
    if base is None:
        return None, True
    if new.pool == base.pool or new.tote == base.tote:
        return None, False
    if new.pool < base.pool or set(new.tote) != set(base.tote) or base.middles == 0:
        return None, True
    total = new.pool - base.pool
    share = {id: Fraction(base.bounds[id][1], base.middles) for id in new.bounds}
    theta = dict(share)
    if all(base.fixed.values()):
        inverse = {id: Fraction(1, fixed) for id, fixed in base.fixed.items()}
        theta = {id: (share[id] + inverse[id] / sum(inverse.values())) / 2 for id in share}
    theta = {id: max(of, Fraction(5, 10000)) for id, of in theta.items()}
    scale = sum(theta.values())
    received = {}
    for id in new.bounds:
        (low1, mid1, high1), (low2, mid2, high2) = base.bounds[id], new.bounds[id]
        received[id] = {
            "total": total,
            "cents": mid2 - mid1,
            "share": share[id],
            "theta": theta[id] / scale,
            "rounding": Fraction((high1 - low1) ** 2 + (high2 - low2) ** 2, 12),
            "multiple": (mid2 - mid1) / (total * share[id]) if share[id] else None,
        }
        received[id]["excess"] = low2 - high1 - total * received[id]["theta"]
    return received, True


def gain(of, phi):
    spread = of["total"] * of["theta"] * (1 - of["theta"])
    if spread == 0:
        return 0.0
    variance = phi * spread + (of["total"] * of["theta"] / 2) ** 2 + of["rounding"]
    backed = 2 * of["theta"] / (1 + of["theta"])
    cents = min(max(of["cents"], 0), of["total"])
    ratio = cents * math.log(backed / of["theta"]) + (of["total"] - cents) * math.log((1 - backed) / (1 - of["theta"]))
    return ratio / float(variance / spread)


def kind(race, poll):
    """The calibration in force for the race at a poll, and its version."""
    in_force = [version for version in race["calibrations"] if version["effective_us"] <= poll["event_us"]]
    if not in_force:
        return PROVISIONAL, None
    version = max(in_force, key=lambda of: of["effective_us"])
    pool = poll["win_cents"]
    band = "small" if pool < 750000 else "medium" if pool < 3000000 else "large"
    for country, category in ((race["country"], race["category"]), (None, race["category"]), (None, None)):
        for of in version["kinds"]:
            if (of["country"], of["category"], of["band"]) == (country, category, band) and of["n"] >= 199:
                return of, version["version"]
    return PROVISIONAL, version["version"]


def signals(race):
    rounding, base, evidence, since, levels = race["rounding"], None, {}, {}, {}
    for at, poll in enumerate(race["polls"]):
        rows, found = {}, []
        in_watch = poll["is_open"] and poll["event_us"] >= poll["start_us"] - 300_000_000
        new = Snapshot(race["polls"][: at + 1], rounding) if is_whole(poll) else None
        received, is_base = flow(base, new) if new else (None, False)
        of_kind, version = kind(race, poll) if new else (None, None)
        for runner in running(poll):
            id = runner["id"]
            if received and in_watch:
                of = received[id]
                evidence[id] = max(0.0, evidence.get(id, 0.0) + gain(of, of_kind["phi"]))
                money, expected, excess, share = since.get(id, (0, 0, 0, of["share"]))
                since[id] = (money + of["cents"], expected + of["total"] * of["share"], excess + max(0, of["excess"]), share)
                money, expected, excess, share = since[id]
                reached = half_away(evidence[id] * 100)
                rarities = [n for n, least in zip(RARITIES, of_kind["evidence"]) if least is not None and reached >= max(least, 1)]
                for level in (20, 200):
                    if rarities and max(rarities) >= level > levels.get(id, 0):
                        after = Fraction(new.bounds[id][1], new.middles)
                        multiple = half_away(100 * money / expected) if expected else None
                        shares = [half_away(10000 * share), half_away(10000 * after)]
                        found.append([id, level, reached, max(rarities), of_kind["n"] < 199, version, money, half_away(excess), multiple] + shares)
                levels[id] = max([levels.get(id, 0)] + [level for level in (20, 200) if rarities and max(rarities) >= level])
            low, middle, high = new.bounds[id] if new else (None, None, None)
            multiple = received and received[id]["multiple"]
            rows[id] = [low, middle, high, None if multiple is None else half_away(100 * multiple)]
            rows[id].append(half_away(100 * evidence.get(id, 0.0)) if in_watch else None)
        base = new if is_base else base
        yield {"rows": rows, "signals": found}


for line in sys.stdin:
    print(json.dumps(list(signals(json.loads(line)))))
