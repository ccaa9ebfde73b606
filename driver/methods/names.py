"""What a name in a file of recovery methods may look like."""

import re

# It becomes part of a workbook: nothing that YAML or an expression could see in it
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
NAME_RULE = "letters, digits, _ . and -, at most 64, beginning with a letter or _"
