"""Two tenants with the same user, the same cube and the same question on the same servers.

python examples/two_tenants.py
"""

from contextlib import ExitStack

from memos.configs.mem_os import MOSConfig
from memos.mem_os.main import MOS
from memos.settings import load_settings

SECRETS = {"acme": "My locker code at the harbour is 7731.", "globex": "My locker code at the station is 4502."}


def main() -> None:
    """Each tenant remembers its own; neither finds a word of the other's."""
    with ExitStack() as opened:
        tenants = {tenant: opened.enter_context(open_tenant(tenant)) for tenant in SECRETS}
        for tenant, mos in tenants.items():
            mos.create_cube_for_user("notes", owner_id="ana")
            mos.add(memory_content=SECRETS[tenant], idempotency_key="locker")
        for tenant, mos in tenants.items():
            shelves = mos.search("What is the locker code?", top_k=50)["text_mem"]
            print(tenant, "finds", [item.memory for shelf in shelves for item in shelf["memories"]])


def open_tenant(tenant: str) -> MOS:
    """The tenant is part of the settings: no method of MOS takes one, so none can be talked into another."""
    return MOS(MOSConfig(user_id="ana"), settings=load_settings(tenant=tenant))


if __name__ == "__main__":
    main()
