"""Where the packaged program starts."""

import sys

from pos_app.__main__ import main

sys.exit(main())
