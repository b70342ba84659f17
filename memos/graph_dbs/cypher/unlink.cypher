// Remove relations.
// Parameters: $tenant, $cube, $rows ({source, target, type}; source and target are keys). Returns: deleted (how many).
UNWIND $rows AS row
MATCH (source:Memory {key: row.source})-[edge:PARENT|RELATES|CAUSE|FOLLOWS|MERGED_TO|SUPERSEDES|CONTRADICTS]->(target:Memory {key: row.target})
WHERE type(edge) = row.type AND source.tenant = $tenant AND source.cube = $cube
DELETE edge
RETURN count(*) AS deleted
