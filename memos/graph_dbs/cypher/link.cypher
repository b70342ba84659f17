// Relate memories; a relation that is there stays one.
// Parameters: $tenant, $cube, $rows ({source, target, type}; source and target are keys). Returns: nothing.
// A relationship's type cannot be a parameter, so that each has its own MERGE.
UNWIND $rows AS row
MATCH (source:Memory {key: row.source})
WHERE source.tenant = $tenant AND source.cube = $cube
MATCH (target:Memory {key: row.target})
WHERE target.tenant = $tenant AND target.cube = $cube
FOREACH (_ IN CASE WHEN row.type = 'PARENT' THEN [1] ELSE [] END | MERGE (source)-[:PARENT]->(target))
FOREACH (_ IN CASE WHEN row.type = 'RELATES' THEN [1] ELSE [] END | MERGE (source)-[:RELATES]->(target))
FOREACH (_ IN CASE WHEN row.type = 'CAUSE' THEN [1] ELSE [] END | MERGE (source)-[:CAUSE]->(target))
FOREACH (_ IN CASE WHEN row.type = 'FOLLOWS' THEN [1] ELSE [] END | MERGE (source)-[:FOLLOWS]->(target))
FOREACH (_ IN CASE WHEN row.type = 'MERGED_TO' THEN [1] ELSE [] END | MERGE (source)-[:MERGED_TO]->(target))
FOREACH (_ IN CASE WHEN row.type = 'SUPERSEDES' THEN [1] ELSE [] END | MERGE (source)-[:SUPERSEDES]->(target))
FOREACH (_ IN CASE WHEN row.type = 'CONTRADICTS' THEN [1] ELSE [] END | MERGE (source)-[:CONTRADICTS]->(target))
