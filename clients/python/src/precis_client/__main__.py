"""`python -m precis_client` is the `precis` command."""

import sys

from precis_client.cli import main

sys.exit(main())
