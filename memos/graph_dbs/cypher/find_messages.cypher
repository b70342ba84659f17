// Messages by their place in a session.
// Parameters: $tenant, $cube, $order_keys. Returns: messages (their properties), in no order, one record.
UNWIND $order_keys AS order_key
MATCH (message:Message {order_key: order_key})
WHERE message.tenant = $tenant AND message.cube = $cube
RETURN collect(properties(message)) AS messages
