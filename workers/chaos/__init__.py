"""The proof: real processes under load, faults on purpose, and a checker that reads what is left.

    python -m workers.chaos        (memos chaos starts it as a child, since memos knows no workers)

what happens    plan (seed, faults) -> run -> report
the stage       servers behind proxies (servers, proxy, redis_clock, rabbitmq), a provider of models (provider,
                answers), dispatchers and workers (fleet)
inside workers  app -> handlers -> resources: the product's own, with points where a process can be made to die
                (control); defects, switched on to see that the checker sees them
the load        generator
the faults      nemeses/, each with inject and heal, some of them by hints; recovery says how long the way back took
the judgement   history (what clients saw) + snapshot (what the stores hold) -> checker (pure) -> report
"""
