"""Cognito Identity through unmodified boto3."""
