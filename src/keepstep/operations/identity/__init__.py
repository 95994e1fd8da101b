"""The operations of Cognito Identity."""
