// Remove messages for good.
// Parameters: $tenant, $cube, $keys. Returns: deleted (how many).
UNWIND $keys AS key
MATCH (message:Message {key: key})
WHERE message.tenant = $tenant AND message.cube = $cube
DETACH DELETE message
RETURN count(*) AS deleted
