"""The operations of Cognito Sync, one module for each noun."""
