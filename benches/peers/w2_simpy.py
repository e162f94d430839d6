"""W2 on SimPy, a process a request: `w2_simpy.py REPLICATIONS` (see src/main.rs)."""

import random
import sys
import time

import simpy

RATE, DURATION, DOWN, CONNECT_TIMEOUT = 1_000.0, 120.0, 10.0, 10.0
MU, SIGMA = -4.037023005428146, 0.5  # ln 0.02 - 0.125


class Target:
    def __init__(self):
        self.open, self.life = True, 0


def outage(env, target, at):
    yield env.timeout(at)
    target.open, target.life = False, target.life + 1
    yield env.timeout(DOWN)
    target.open = True


def request(env, target, chance, counts):
    if target.open:
        life = target.life
        yield env.timeout(chance.lognormvariate(MU, SIGMA))
        counts["ok" if life == target.life else "reset"] += 1
    else:
        yield env.timeout(CONNECT_TIMEOUT)
        counts["timed_out"] += 1


def client(env, targets, chance, counts):
    turn = 0
    while True:
        yield env.timeout(chance.expovariate(RATE))
        if env.now >= DURATION:
            return
        env.process(request(env, targets[turn], chance, counts))
        turn = (turn + 1) % len(targets)


def main():
    runs = int(sys.argv[1])
    counts = {"ok": 0, "reset": 0, "timed_out": 0}
    before = time.process_time()
    for seed in range(runs):
        chance, env = random.Random(seed), simpy.Environment()
        targets = [Target() for _ in range(4)]
        for target in targets:
            env.process(outage(env, target, chance.uniform(20, 100)))
        env.process(client(env, targets, chance, counts))
        env.run()
    nanos = (time.process_time() - before) * 1e9 / runs / 240_000
    print(f"{counts['reset'] / runs:.1f} {counts['timed_out'] / runs:.0f} {nanos:.1f}")


main()
