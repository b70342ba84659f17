// Memories that the index does not hold in their newest version. Only these have a lagging_cube, so its index is small.
// Parameters: $tenant, $cube, $cube_key, $limit. Returns: memory (its properties).
MATCH (memory:Memory {lagging_cube: $cube_key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
RETURN properties(memory) AS memory
LIMIT $limit
