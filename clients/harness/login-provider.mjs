/** A small OpenID Connect provider on this machine: keys, discovery document and ID tokens. */

import { createSign, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";

const NAME = "login.example";
const CLIENT_ID = "my-app";
const ARN = `arn:aws:iam::000000000000:oidc-provider/${NAME}`;

/** Signs ID tokens for anybody who asks, for as long as the tests of a file run. */
export class LoginProvider {
  /** The member of CreateIdentityPool that lets a pool take this provider's logins. */
  static poolSettings = { OpenIdConnectProviderARNs: [ARN] };

  #keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  #server = createServer((request, response) => this.#answer(request, response));

  constructor() {
    after(() => {
      this.#server.close();
      this.#server.closeAllConnections();
    });
  }

  /** Listen, and give the settings that have a server know this provider. */
  async settings() {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    this.issuer = `http://127.0.0.1:${this.#server.address().port}`;
    return [
      "[[login_providers]]",
      `name = "${NAME}"`,
      `arn = "${ARN}"`,
      `issuer = "${this.issuer}"`,
      `audiences = ["${CLIENT_ID}"]`,
      "allow_private_network = true",
      "",
    ].join("\n");
  }

  /** Give the Logins of a user who has just logged in. */
  loginsOf(subject) {
    const now = Math.floor(Date.now() / 1000);
    const header = { alg: "RS256", typ: "JWT", kid: "key-1" };
    const claims = { iss: this.issuer, aud: CLIENT_ID, sub: subject, iat: now, exp: now + 600 };
    const signed = [header, claims].map(encoded).join(".");
    const signature = createSign("RSA-SHA256").update(signed).sign(this.#keys.privateKey);
    return { [NAME]: `${signed}.${signature.toString("base64url")}` };
  }

  #answer(request, response) {
    const documents = {
      "/.well-known/openid-configuration": {
        issuer: this.issuer,
        jwks_uri: `${this.issuer}/keys`,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      },
      "/keys": { keys: [this.#publicKey()] },
    };
    const document = documents[request.url];
    response.writeHead(document ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(document ?? {}));
  }

  #publicKey() {
    const key = this.#keys.publicKey.export({ format: "jwk" });
    return { ...key, kid: "key-1", alg: "RS256", use: "sig" };
  }
}

function encoded(part) {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
