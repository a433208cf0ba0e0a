"""What ``python -m d2lhelpers`` runs: a look at the machine."""

import os
import sys

# One that is not known is an error for whoever imports `language`; here it is one of the findings.
wanted = os.environ.pop("D2L_LANGUAGE", None)

from .doctor import main  # noqa: E402 - see above

sys.exit(main(wanted))
