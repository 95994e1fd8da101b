/** The AWS SDK v3 in the classic flow: a token of Cognito Identity, exchanged at STS for a role. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { GetIdCommand, GetOpenIdTokenCommand } from "@aws-sdk/client-cognito-identity";
import { ListRecordsCommand } from "@aws-sdk/client-cognito-sync";
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { fromWebToken } from "@aws-sdk/credential-providers";
import { Backend, ROLES } from "../harness/backend.mjs";
import { identityClient, signsWith, stsClient, syncClient } from "../harness/clients.mjs";
import { readRecords, writeRecords } from "../harness/records.mjs";
import { assertMetadata, denial, refusal } from "../harness/refusals.mjs";
import { liveServer, place } from "../harness/server.mjs";

const server = liveServer();

/** Make a guest and give its IdentityId and Token. */
async function guestToken(backend) {
  const identity = identityClient(server);
  const { IdentityId } = await identity.send(new GetIdCommand({ IdentityPoolId: backend.poolId }));
  const { Token } = await identity.send(new GetOpenIdTokenCommand({ IdentityId }));
  return { IdentityId, Token };
}

function assumeRole(RoleArn, WebIdentityToken, members = {}) {
  const request = { RoleArn, WebIdentityToken, RoleSessionName: "my-app", ...members };
  return stsClient(server).send(new AssumeRoleWithWebIdentityCommand(request));
}

test("a guest's token is exchanged for credentials that reach the guest's own data", async () => {
  const backend = await Backend.start(server);
  const guest = await guestToken(backend);
  const answer = await assumeRole(ROLES.unauthenticated, guest.Token);
  assertMetadata(answer, 200);
  assert.equal(answer.SubjectFromWebIdentityToken, guest.IdentityId);
  assert.equal(answer.Audience, backend.poolId);
  assert.ok(Math.abs(answer.Credentials.Expiration - Date.now() - 3600_000) < 60_000);

  const sync = syncClient(server, signsWith(answer.Credentials));
  const settings = backend.settingsOf(guest);
  await writeRecords(sync, settings, { theme: "dark" });
  assert.deepEqual(await readRecords(sync, settings), { theme: "dark" });
});

test("a developer's token for a user is exchanged by fromWebToken", async () => {
  const backend = await Backend.start(server);
  const user = await backend.tokenFor("ada");
  const credentials = fromWebToken({
    roleArn: ROLES.authenticated,
    webIdentityToken: user.Token,
    clientConfig: place(server),
  });
  const sync = syncClient(server, credentials);
  const settings = backend.settingsOf(user);
  await writeRecords(sync, settings, { theme: "dark" });
  assert.deepEqual(await readRecords(sync, settings), { theme: "dark" });

  const other = await backend.tokenFor("bob");
  await assert.rejects(
    sync.send(new ListRecordsCommand(backend.settingsOf(other))),
    denial("ListRecords"),
  );
});

test("whoever has assumed a role is told so by GetCallerIdentity", async () => {
  const backend = await Backend.start(server);
  const { Token } = await guestToken(backend);
  const { AssumedRoleUser, Credentials } = await assumeRole(ROLES.unauthenticated, Token);
  const sts = stsClient(server, signsWith(Credentials));
  const caller = await sts.send(new GetCallerIdentityCommand({}));
  assert.equal(caller.Arn, AssumedRoleUser.Arn);
  assert.match(caller.Arn, /:assumed-role\/CognitoDefaultUnauthenticatedRole\/my-app$/);
  assert.equal(caller.UserId, AssumedRoleUser.AssumedRoleId);
  assert.equal(caller.Account, "000000000000");
});

test("a developer is told its account by GetCallerIdentity", async () => {
  const sts = stsClient(server, server.credentials);
  const caller = await sts.send(new GetCallerIdentityCommand({}));
  assert.equal(caller.Account, "000000000000");
});

test("credentials may be asked for a quarter of an hour", async () => {
  const backend = await Backend.start(server);
  const { Token } = await guestToken(backend);
  const answer = await assumeRole(ROLES.unauthenticated, Token, { DurationSeconds: 900 });
  assert.ok(Math.abs(answer.Credentials.Expiration - Date.now() - 900_000) < 60_000);
});

test("a pool without the classic flow gives no tokens", async () => {
  const backend = await Backend.start(server, { AllowClassicFlow: false });
  await assert.rejects(
    guestToken(backend),
    refusal(
      "InvalidParameterException",
      400,
      "Basic (classic) flow is not enabled, please use enhanced flow.",
    ),
  );
});

test("a guest's token does not open the role of users, nor one that nobody made", async () => {
  const backend = await Backend.start(server);
  const { Token } = await guestToken(backend);
  for (const role of [ROLES.authenticated, "arn:aws:iam::000000000000:role/NobodyMadeThisRole"]) {
    await assert.rejects(
      assumeRole(role, Token),
      refusal("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
    );
  }
});

test("what is no token is an InvalidIdentityTokenException", async () => {
  await assert.rejects(
    assumeRole(ROLES.unauthenticated, "e30.e30.e30"),
    refusal("InvalidIdentityTokenException", 400),
  );
});
