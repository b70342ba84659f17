// Archive the summaries of memories that are about to be deleted, and have them made anew: they hold the same words.
// Parameters: $tenant, $cube, $cube_key, $keys (of the memories), $session (that of summaries), $archived (the status).
// Returns: nothing. Setting the version to what it is waits for whoever is summing a memory up just now.
UNWIND $keys AS key
MATCH (memory:Memory {key: key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version
WITH memory
MATCH (summary:Memory)-[:PARENT]->(memory)
WHERE summary.tenant = $tenant AND summary.cube = $cube AND summary.session = $session
WITH DISTINCT summary
SET summary.version = summary.version + 1,
    summary.status = $archived,
    summary.lagging_cube = $cube_key,
    summary.fresh_cube = $cube_key
