"""The embedded stack: real servers from wheels, run as child processes of one owner.

owner      foreground.run_stack (memos up) · background.start_background (-d) · ondemand.ensure_servers (library)
children   stack -> nursery -> child, watchdog            who is started, guarded, stopped
what       servers (Valkey, ArcadeDB, Milvus Lite) · processes (dispatcher, workers, Flower)
care       supervisor, restart                            who is started again, and when
files      lock · access (passwords, ports) · stackfile (what runs) · logs
outside    probes, bolt, resp · status · doctor, checks, providers/
"""
