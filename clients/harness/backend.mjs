/** What an app's own backend does with a developer's access key: pools, and tokens for users. */

import {
  CreateIdentityPoolCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
  MergeDeveloperIdentitiesCommand,
  SetIdentityPoolRolesCommand,
} from "@aws-sdk/client-cognito-identity";
import { identityClient } from "./clients.mjs";

/** The key in Logins under which the service takes back its own tokens. */
export const COGNITO_LOGIN = "cognito-identity.amazonaws.com";

const ACCOUNT_ID = "000000000000";
const DEVELOPER_PROVIDER = "login.my.app";

/** The roles that every keepstep has for users and guests; they allow what is one's own. */
export const ROLES = {
  authenticated: roleArn("CognitoDefaultAuthenticatedRole"),
  unauthenticated: roleArn("CognitoDefaultUnauthenticatedRole"),
};

/** Give the ARN of a role by its name. */
export function roleArn(name) {
  return `arn:aws:iam::${ACCOUNT_ID}:role/${name}`;
}

/** The backend of one app, with an identity pool of its own. */
export class Backend {
  /**
   * Create the pool; `settings` are members of CreateIdentityPool over those of a common pool,
   * `roles` the ARNs for SetIdentityPoolRoles.
   */
  static async start(server, settings = {}, roles = ROLES) {
    const identity = identityClient(server, server.credentials);
    const { IdentityPoolId } = await identity.send(
      new CreateIdentityPoolCommand({
        IdentityPoolName: "my app",
        AllowUnauthenticatedIdentities: true,
        DeveloperProviderName: DEVELOPER_PROVIDER,
        ...settings,
      }),
    );
    await identity.send(new SetIdentityPoolRolesCommand({ IdentityPoolId, Roles: roles }));
    return new Backend(identity, IdentityPoolId);
  }

  constructor(identity, poolId) {
    this.identity = identity;
    this.poolId = poolId;
  }

  /** Name the dataset "settings" of whoever has an IdentityId. */
  settingsOf({ IdentityId }) {
    return { IdentityPoolId: this.poolId, IdentityId, DatasetName: "settings" };
  }

  /** Give the IdentityId and Token of a user; `members` are further ones of the request. */
  async tokenFor(user, members = {}) {
    const { IdentityId, Token } = await this.identity.send(
      new GetOpenIdTokenForDeveloperIdentityCommand({
        IdentityPoolId: this.poolId,
        Logins: { [DEVELOPER_PROVIDER]: user },
        ...members,
      }),
    );
    return { IdentityId, Token };
  }

  /** Fold one user's identity into another's, and give the id that both then have. */
  async merge(source, destination) {
    const { IdentityId } = await this.identity.send(
      new MergeDeveloperIdentitiesCommand({
        IdentityPoolId: this.poolId,
        DeveloperProviderName: DEVELOPER_PROVIDER,
        SourceUserIdentifier: source,
        DestinationUserIdentifier: destination,
      }),
    );
    return IdentityId;
  }
}
