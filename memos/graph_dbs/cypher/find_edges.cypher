// The relations that begin or end at memories; one between two of them comes twice.
// Parameters: $tenant, $cube, $keys (of memories), $limit.
// Returns: edges ([source, target, type], the ends by their ids), in no order, one record.
UNWIND $keys AS key
MATCH (memory:Memory {key: key})-[edge:PARENT|RELATES|CAUSE|FOLLOWS|MERGED_TO|SUPERSEDES|CONTRADICTS]-(other:Memory)
WHERE memory.tenant = $tenant AND memory.cube = $cube AND other.tenant = $tenant AND other.cube = $cube
WITH edge
LIMIT $limit
RETURN collect([startNode(edge).id, endNode(edge).id, type(edge)]) AS edges
