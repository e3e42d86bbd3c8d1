import sys

from tests.lab.cron_machine.quarter import main

sys.exit(main())
