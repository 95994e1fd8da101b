"""The nouns and rules of the service, pure: time, randomness and keys are passed in."""
