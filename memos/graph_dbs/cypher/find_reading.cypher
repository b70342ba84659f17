// What a cube wants of its facts.
// Parameters: $tenant, $cube, $key (of the cube). Returns: said (JSON); no row if it never said anything.
MATCH (reading:Reading {key: $key})
WHERE reading.tenant = $tenant AND reading.cube = $cube
RETURN reading.said AS said
