"""Print the README's two commands, as they stand there, one a line."""

import re
import sys
from pathlib import Path

blocks = re.findall(r"^```sh\n(.*?)^```$", Path(sys.argv[1]).read_text(), re.DOTALL | re.MULTILINE)
for block in blocks[:2]:
    print(block.strip())
