"""Black-box tests of the API: unmodified boto3 and raw requests against a live server."""
