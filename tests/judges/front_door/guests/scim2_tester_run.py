"""scim2-tester checks a service: run in an environment of its own.

Arguments: URL below which the endpoints are, and a token. Writes a line for each check: RESULT, status, name, "", why.
It knows no decimals, of which our schema has some, so it is given one.
"""

import sys
from importlib import import_module
from typing import Any


def main(url: str, token: str) -> None:
    """Check."""
    _give_decimals(import_module("scim2_tester.filling"))
    http = import_module("httpx2").Client(base_url=url, headers={"Authorization": f"Bearer {token}"})
    client = import_module("scim2_client.engines.httpx2").SyncSCIMClient(http)
    for result in import_module("scim2_tester").check_server(client):
        status = "SUCCESSFUL" if result.status.name == "SUCCESS" else result.status.name
        if status not in {"SUCCESSFUL", "SKIPPED"}:
            status = "FAILED"
        why = "" if status == "SUCCESSFUL" else " ".join(f"{result.reason} {result.data or ''}".split())
        name = f"{result.resource_type or ''} {result.title}".strip()
        sys.stdout.write("\t".join(("RESULT", status, name, "", why[:2000])) + "\n")


def _give_decimals(filling: Any) -> None:
    usual = filling.get_random_example_value

    def example(path: Any) -> Any:
        binding = path.resolve()
        return 3.0 if binding is not None and binding.target_type is float else usual(path)

    filling.get_random_example_value = example


if __name__ == "__main__":
    main(*sys.argv[1:])
