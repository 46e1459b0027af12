"""Holds STAC Items against the published schemas that lie beside this file, and asks nobody else.

Reads a JSON array of Items from standard input and prints a JSON array with the faults of each: none for a valid one.
Ends with 3 where the package `jsonschema` is missing.
"""

import json
import pathlib
import sys
import warnings

try:
    import jsonschema
except ImportError:
    sys.exit(3)

HERE = pathlib.Path(__file__).parent / "schemas"
STAC = "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/"
EXTENSION = "https://stac-extensions.github.io/{}/v{}/schema.json"
FILES = {STAC + f"{part}.json": f"stac-1.0.0-{part}" for part in
         ("item", "basics", "datetime", "instrument", "licensing", "provider")}
FILES |= {f"https://geojson.org/schema/{kind}.json": f"geojson-{kind.lower()}" for kind in ("Feature", "Geometry")}
FILES["https://proj.org/schemas/v0.7/projjson.schema.json"] = "projjson-0.7"
# The schema for models refers to the last two.
FILES |= {EXTENSION.format(*name): "-".join(name) for name in (
    ("projection", "2.0.0"), ("processing", "1.2.0"), ("mlm", "1.5.2"), ("file", "2.1.0"), ("raster", "1.1.0"),
    ("processing", "1.1.0"), ("classification", "1.1.0"))}
SCHEMAS = {url: json.loads((HERE / f"{name}.json").read_text("utf-8")) for url, name in FILES.items()}


def validator(url):
    """By the schema at an address, with all others at theirs."""
    schema, checker = SCHEMAS[url], jsonschema.FormatChecker()
    try:
        import referencing
        import referencing.jsonschema
    except ImportError:  # before version 4.18

        class Offline(jsonschema.RefResolver):
            def resolve_remote(self, uri):
                raise LookupError(f"{uri} is not among the schemas")

        resolver = Offline(url, schema, store=SCHEMAS)
        return jsonschema.Draft7Validator(schema, resolver=resolver, format_checker=checker)
    draft = referencing.jsonschema.DRAFT7
    resources = [(address, draft.create_resource(one)) for address, one in SCHEMAS.items()]
    registry = referencing.Registry().with_resources(resources)
    return jsonschema.Draft7Validator(schema, registry=registry, format_checker=checker)


def faults(item):
    """What is wrong with an Item by the schema of Items and that of each extension that it names."""
    found = []
    for url in [STAC + "item.json", *item["stac_extensions"]]:
        for error in validator(url).iter_errors(item):
            found.append(f"{url}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    return found


warnings.simplefilter("ignore")
json.dump([faults(item) for item in json.load(sys.stdin)], sys.stdout)
