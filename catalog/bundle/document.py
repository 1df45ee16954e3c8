"""The text of a bundle: YAML in, YAML out, and nothing that YAML would run."""

import re
from collections.abc import Hashable
from typing import Any, cast

import yaml

from catalog.bundle.mistakes import BundleRefused, Mistake, Report

Document = dict[str, Any]

_BREAKS = re.compile("[\\r\\x85\\u2028\\u2029\\ufeff]")
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """The safe loader, which also collects the keys that stand twice."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.report = Report()

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, Hashable):
                if key in seen:
                    self.report.add(
                        f"line {line}", f"{key} stands twice, first in line {seen[key]}"
                    )
                seen[key] = line
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes lists inside mappings indented, as the examples are."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML takes these for line breaks, and only double quotes keep them.
    style = '"' if _BREAKS.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def load_document(text: str) -> Document:
    """Parse a bundle; `BundleRefused` when it is no YAML or names a key twice."""
    loader = None
    try:
        loader = _Loader(text)
        document = loader.get_single_data()
    except yaml.YAMLError as error:
        raise BundleRefused([_not_yaml(error)]) from error
    except (ValueError, RecursionError) as error:
        raise BundleRefused([Mistake("", f"not readable as YAML: {error}")]) from error
    finally:
        if loader is not None:
            loader.dispose()
    loader.report.check()
    if document is None:
        return {}
    return cast("Document", document)


def dump_document(document: Document) -> str:
    return yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )


def _not_yaml(error: yaml.YAMLError) -> Mistake:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    path = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
    problem = getattr(error, "problem", None) or str(error)
    return Mistake(path, f"not readable as YAML: {problem}")
