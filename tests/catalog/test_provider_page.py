"""docs/providers.md lists the providers of the bundled catalog as they are."""

import yaml

from config.embedded import CHECKOUT


def test_the_table_of_providers_is_the_catalogs() -> None:
    lines = (CHECKOUT / "docs/providers.md").read_text().splitlines()
    listed = {
        tuple(cell.strip(" `") for cell in line.strip("|").split("|"))
        for line in lines
        if line.startswith("| `")
    }
    bundles = map(
        yaml.safe_load,
        (path.read_text() for path in (CHECKOUT / "catalog/data").glob("*.yaml")),
    )

    assert listed == {
        (
            provider["slug"],
            provider["name"],
            provider.get("credential", "").removeprefix("env:"),
            provider["handler"],
            provider["auth"],
        )
        for bundle in bundles
        for provider in bundle.get("providers", [])
    }
