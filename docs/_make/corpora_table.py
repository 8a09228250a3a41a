"""The corpora as their modules describe them: a table, and a section for each.

In: the facts of each file of sertk/corpora. Out: Markdown.
"""

import inspect
from types import ModuleType

from sertk import corpora
from sertk.corpora._download import Archive


def names() -> list[str]:
    """List the published corpora, then the synthetic one."""
    known = [name for name in corpora.names() if corpora.load(name).CITATION]
    return sorted(known, key=lambda name: (corpora.load(name).SYNTHETIC, name))


def own() -> list[str]:
    """List the entries for a reader's own recordings."""
    return [name for name in corpora.names() if not corpora.load(name).CITATION]


def table() -> str:
    """Write one row per corpus."""
    rows = ["| corpus | name | licence | emotions | how to get it |", "|---|---|---|---|---|"]
    for name in names():
        module = corpora.load(name)
        how = f"`sertk download {name}`" if module.DOWNLOADS else f"[told below](#{name})"
        if module.SYNTHETIC:
            how = "made on first use"
        title = module.TITLE[0].upper() + module.TITLE[1:]
        rows.append(
            f"| [{title}](#{name}) | `{name}` | {module.LICENCE} | {len(module.EMOTIONS)} | {how} |"
        )
    return "\n".join(rows)


def sections() -> str:
    """Write a section per corpus: what it is, how to get it, how its files are called."""
    return "\n\n".join(_section(name, corpora.load(name)) for name in [*names(), *own()])


def _section(name: str, module: ModuleType) -> str:
    first, _, rest = inspect.getdoc(module).partition("\n\n")  # type: ignore[union-attr]
    _, _, what = first.partition(": ")
    title = module.TITLE[0].upper() + module.TITLE[1:]
    parts = [f"## {title} {{: #{name} }}"]
    parts.append((what[:1].upper() + what[1:]) if what else first)
    parts.append(rest)
    parts.append(f"**How to get it.** {_how(name, module)}")
    facts = [f"**Emotions.** {', '.join(module.EMOTIONS)}."] if module.CITATION else []
    if module.CITATION and not module.SYNTHETIC:
        facts.append(f"**Cite.** {module.CITATION} <{module.URL}>")
    parts += facts
    options = list(inspect.signature(module.scan).parameters.values())[1:]
    if options:
        listed = ", ".join(f"`{o.name}` (default `{o.default!r}`)" for o in options)
        parts.append(
            f"**Options of the scan.** {listed}; see [sertk.corpora.{name}]"
            f"(reference/corpora/{name}.md)."
        )
    return "\n\n".join(parts)


def _how(name: str, module: ModuleType) -> str:
    if not module.DOWNLOADS:
        return str(module.REQUEST)
    archives: tuple[Archive, ...] = module.DOWNLOADS
    lines = [f"`sertk download {name} --to DIR` fetches and unpacks:\n"]
    for archive in archives:
        size = f"{archive.size:,} bytes" if archive.size else "size not published"
        md5 = f"md5 `{archive.md5}`" if archive.md5 else "no published checksum"
        lines.append(f"- `{archive.file}`, {size}, {md5}")
    return "\n".join(lines)
