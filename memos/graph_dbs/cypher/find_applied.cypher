// Jobs that have taken effect.
// Parameters: $tenant, $cube, $keys (of jobs). Returns: id, memory_ids.
UNWIND $keys AS key
MATCH (job:Job {key: key})
WHERE job.tenant = $tenant AND job.cube = $cube
RETURN job.id AS id, job.memory_ids AS memory_ids
