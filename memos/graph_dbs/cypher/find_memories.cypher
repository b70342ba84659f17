// Memories by id.
// Parameters: $tenant, $cube, $keys. Returns: memory (its properties).
UNWIND $keys AS key
MATCH (memory:Memory {key: key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
RETURN properties(memory) AS memory
