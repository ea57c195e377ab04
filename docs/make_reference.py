"""Write the reference page of the files of an intents folder, and their JSON Schemas, from the program's schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from voice_helper.content.file_kinds import FILE_KINDS
from voice_helper.content.schema import json_schema, reference

DOCS = Path(__file__).parent
PAGE = "intents-reference.md"
SCHEMAS = "schema"
_HEAD = """# Reference: the files of an intents folder

This page lists every key of each file. It is generated from the schema that the program reads the files with (`make
reference`). [The intents folder](../intents/README.md) explains how to write the files.

`docs/schema` contains the same schema as JSON Schema, for editors. In VS Code with the YAML extension, or another
editor that uses `yaml-language-server`, add a first line such as this one. The editor then completes keys, shows
their meaning and marks mistakes:

```yaml
# yaml-language-server: $schema=../../docs/schema/answers.schema.json
```

The files follow YAML 1.2, as such editors do: `no`, `yes`, `on` and `off` are words; only `true` and `false` are truth
values. If other programs read the files, write `"no"`: many still follow YAML 1.1, where `no` means `false`.
"""


def files() -> dict[str, str]:
    """Return the text of the page and of each JSON Schema, by its name in `docs`."""
    sections = [line for kind in FILE_KINDS for line in reference(kind)]
    made = {PAGE: "\n".join([_HEAD, *sections]).rstrip() + "\n"}
    for kind in FILE_KINDS:
        name = kind.named.split("/")[0].removesuffix(".yaml")
        made[f"{SCHEMAS}/{name}.schema.json"] = json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"
    return made


def main() -> None:
    """Write the files, and print their names."""
    for name, text in files().items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")


if __name__ == "__main__":
    main()
