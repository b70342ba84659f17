// What a cube says of how long its memories stay.
// Parameters: $tenant, $cube, $key (of the cube). Returns: retention (its properties); no row if it never said anything.
MATCH (retention:Retention {key: $key})
WHERE retention.tenant = $tenant AND retention.cube = $cube
RETURN properties(retention) AS retention
