"""The measurements behind ``memos bench scheduler``: our job path beside bare Celery, on one Redis.

``python -m workers.bench`` reads a plan as JSON on standard input and prints figures as JSON. What each figure is,
memos/bench/scheduler.py says.

    side.py         what is measured: something that takes jobs        ours.py, bare.py   the two of them
    floods.py       which jobs                                         bell.py            how a job tells of its start
    throughput.py, latency.py, submit.py, pick.py   the measurements   meter.py           what Redis did for them
"""
