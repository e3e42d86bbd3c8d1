"""The brokers' official clients drive our sandboxes, and our adapters' requests are compared with theirs."""

from os import environ

# `neo_api_client` reads these when it is imported, and would write into `logs/` of the working folder
environ.setdefault("NEO_LOG_FILE_ENABLED", "false")
environ.setdefault("NEO_LOG_LEVEL", "NOLOG")
