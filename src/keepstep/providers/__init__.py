"""Login providers: who vouches for users, and the safe way to their keys."""

from .fetch import Destination, Fetcher
from .insecure import InsecureLogins
from .opaque_tokens import AmazonTokens, FacebookTokens, OpaqueTokens
from .verifier import LoginProviders

__all__ = [
    "AmazonTokens",
    "Destination",
    "FacebookTokens",
    "Fetcher",
    "InsecureLogins",
    "LoginProviders",
    "OpaqueTokens",
]
