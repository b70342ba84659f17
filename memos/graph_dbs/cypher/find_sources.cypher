// The messages behind memories.
// Parameters: $tenant, $cube, $keys (of memories).
// Returns: sources ([the memory's id, the message's properties]), in no order, one record.
UNWIND $keys AS key
MATCH (memory:Memory {key: key})-[:DERIVED_FROM]->(message:Message)
WHERE memory.tenant = $tenant AND memory.cube = $cube AND message.tenant = $tenant AND message.cube = $cube
RETURN collect([memory.id, properties(message)]) AS sources
