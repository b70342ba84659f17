// A cube's messages of one user's turns, in no order.
// Parameters: $tenant, $cube, $above and $below (order_keys around the cube), $user, $limit.
// Returns: id, session, seq.
MATCH (message:Message)
WHERE message.order_key > $above AND message.order_key < $below
  AND message.tenant = $tenant AND message.cube = $cube AND message.user = $user
RETURN message.id AS id, message.session AS session, message.seq AS seq
LIMIT $limit
