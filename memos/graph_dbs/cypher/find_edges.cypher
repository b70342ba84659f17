// The relations that begin or end at memories; one between two of them comes twice.
// Parameters: $tenant, $cube, $keys (of memories), $limit. Returns: source, target (ids), type, in no order.
UNWIND $keys AS key
MATCH (memory:Memory {key: key})-[edge:PARENT|RELATES|CAUSE|FOLLOWS|MERGED_TO|SUPERSEDES|CONTRADICTS]-(other:Memory)
WHERE memory.tenant = $tenant AND memory.cube = $cube AND other.tenant = $tenant AND other.cube = $cube
RETURN startNode(edge).id AS source, endNode(edge).id AS target, type(edge) AS type
LIMIT $limit
