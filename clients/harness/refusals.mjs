/** What `assert.rejects` should find when the SDK v3 is refused. */

import assert from "node:assert/strict";

const REQUEST_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Expect an error with a name, a status and a text, which may be a pattern; it must be the
 * client's fault and carry the request id.
 */
export function refusal(name, status, text = /./) {
  return (error) => {
    assert.equal(error.name, name, error.stack);
    assert.equal(error.$fault, "client");
    assertMetadata(error, status);
    if (typeof text === "string") assert.equal(error.message, text);
    else assert.match(error.message, text);
    return true;
  };
}

/** Expect the refusal of IAM: the caller's role does not allow an action of Cognito Sync. */
export function denial(action) {
  return refusal(
    "AccessDeniedException",
    403,
    new RegExp(`^User: arn:aws:sts::\\d{12}:assumed-role/.* cognito-sync:${action} on resource: `),
  );
}

/** Check the status and the request id of an answer or an error. */
export function assertMetadata({ $metadata }, status) {
  assert.equal($metadata.httpStatusCode, status);
  assert.match($metadata.requestId, REQUEST_ID);
}
