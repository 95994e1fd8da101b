"""The sync trigger of the tests' servers: what it does is for the records themselves to say."""

import threading
from typing import Any


def check(event: dict[str, Any]) -> Any:
    """Do what the record ``do`` asks for."""
    records = event["datasetRecords"]
    match records.get("do", {}).get("newValue"):
        case "trim":
            for record in records.values():
                record["newValue"] = record["newValue"].strip()
        case "add":
            records["added"] = {"op": "replace", "newValue": f"for {event['datasetName']}"}
        case "drop":
            records.clear()
        case "rename":
            event["datasetName"] = "others"
        case "fail":
            raise RuntimeError("the function is broken")
        case "hang":
            threading.Event().wait()
        case _:
            pass
    return event
