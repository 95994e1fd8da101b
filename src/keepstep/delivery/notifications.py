"""What devices are told, in the form of each platform (developer guide, "Push Sync").

Every value is text: the Android client reads nothing else, the sync count included. The
notification is silent, as the guide says: it shows nothing.
"""

from typing import Any, Final

from keepstep.interfaces.delivery import Notification
from keepstep.wire.members import Platform

APPLE: Final = frozenset({"APNS", "APNS_SANDBOX"})
SOURCE: Final = "cognito-sync"


def platform_message(platform: Platform, notification: Notification) -> dict[str, Any]:
    """Give what a platform's push service is to send to a device."""
    data = {
        "source": SOURCE,
        "identityPoolId": notification.identity_pool_id,
        "identityId": notification.identity_id,
        "datasetName": notification.dataset_name,
        "syncCount": str(notification.sync_count),
    }
    if platform in APPLE:
        return {"aps": {"content-available": 1}, "data": data}
    return {"data": data}
