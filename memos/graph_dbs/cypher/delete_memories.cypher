// Remove memories for good.
// Parameters: $tenant, $cube, $keys. Returns: deleted (how many).
UNWIND $keys AS key
MATCH (memory:Memory {key: key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
DETACH DELETE memory
RETURN count(*) AS deleted
