// Memories that rest on messages, by the messages' places in their sessions.
// Parameters: $tenant, $cube, $order_keys (of messages). Returns: memory (its properties),
// once for each of the messages, in no order.
UNWIND $order_keys AS order_key
MATCH (message:Message {order_key: order_key})<-[:DERIVED_FROM]-(memory:Memory)
WHERE message.tenant = $tenant AND message.cube = $cube AND memory.tenant = $tenant AND memory.cube = $cube
RETURN properties(memory) AS memory
