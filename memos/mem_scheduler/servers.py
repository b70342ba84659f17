"""What the servers of the job path say of themselves, asked through the clients that the job path itself uses."""


def ask_redis(url: str) -> dict[str, str]:
    """The fields of INFO of the data plane; of a cluster, one node's. Raises Unavailable and InvalidConfig."""
    from scheduler.connection import ask_redis

    return ask_redis(url)


def ask_rabbitmq(url: str) -> str:
    """Product and version of the broker at an amqp:// URL. Raises Unavailable and InvalidConfig."""
    from scheduler.broker import ask_rabbitmq

    return ask_rabbitmq(url)
