"""The templates from which workbooks are made."""

import jinja2


def template(package: str, name: str = "workbook.yaml.j2") -> jinja2.Template:
    """Return a template of a package; a variable that it misses is an error."""
    environment = jinja2.Environment(  # noqa: S701 - it writes YAML and not HTML
        loader=jinja2.PackageLoader(package, "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
