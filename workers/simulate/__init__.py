"""The simulation behind ``memos bench scale --simulate``: the scheduler's own policy, a model of all around it.

``python -m workers.simulate`` reads a scale as JSON on standard input and prints what came of it as JSON.

    world.py      who asks for what, how long work takes: seeded, all drawn beforehand
    line.py       tenants whose turn it is, and the real policy (scheduler.fairness) that picks among them
    engine.py     the events: a job arrives, a dispatcher's step, a batch ends
    report.py     waits by class, what Redis does and holds, where one Redis ends
"""
