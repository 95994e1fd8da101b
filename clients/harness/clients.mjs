/** Clients of the AWS SDK v3 that differ from an app's in their endpoint alone. */

import { CognitoIdentityClient } from "@aws-sdk/client-cognito-identity";
import { CognitoSyncClient } from "@aws-sdk/client-cognito-sync";
import { STSClient } from "@aws-sdk/client-sts";
import { place } from "./server.mjs";

/** Make a Cognito Identity client; without `credentials` it can call the public operations only. */
export function identityClient(server, credentials) {
  return new CognitoIdentityClient({ ...place(server), credentials: credentials ?? anonymous });
}

/** Make a Cognito Sync client. */
export function syncClient(server, credentials, options = {}) {
  return new CognitoSyncClient({ ...place(server), credentials, ...options });
}

/** Make an STS client; without `credentials` it can exchange tokens only. */
export function stsClient(server, credentials) {
  return new STSClient({ ...place(server), credentials: credentials ?? anonymous });
}

/** Turn what Cognito Identity or STS answered into what a client signs with. */
export function signsWith({ AccessKeyId, SecretKey, SecretAccessKey, SessionToken }) {
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretKey ?? SecretAccessKey,
    sessionToken: SessionToken,
  };
}

async function anonymous() {
  throw new Error("a public operation asked for credentials");
}
