"""What ``python -m d2lhelpers`` runs: a look at the machine."""

import sys

from .doctor import main

sys.exit(main())
