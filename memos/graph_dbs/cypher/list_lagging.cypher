// Memories that the index does not hold in their newest version. Only these have a lagging_cube, so its index is small.
// Parameters: $tenant, $cube, $cube_key, $limit. Returns: memories (their properties), one record.
MATCH (memory:Memory {lagging_cube: $cube_key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
WITH memory
LIMIT $limit
RETURN collect(properties(memory)) AS memories
