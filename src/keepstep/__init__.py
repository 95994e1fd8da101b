"""keepstep: an open, self-hosted Amazon Cognito Sync."""

__version__ = "0.1.0"
