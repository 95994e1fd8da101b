/** Live changes with a client of the AWS SDK v3, in Node and in pages. */

/** Give a URL that an EventSource can open: it is signed, and good for five minutes. */
export async function liveUrl(sync, endpoint, dataset) {
  const signer = await sync.config.signer();
  const request = changesRequest(endpoint, dataset);
  const { query } = await signer.presign(request, { expiresIn: 300 });
  return `${endpoint}${request.path}?${new URLSearchParams(query)}`;
}

/** Give the id and the data of each event after the last one, from a stream with signed headers. */
export async function* liveChanges(sync, endpoint, dataset, lastEventId = "", signal = undefined) {
  const signer = await sync.config.signer();
  const request = changesRequest(endpoint, dataset);
  request.headers["last-event-id"] = lastEventId;
  const { headers } = await signer.sign(request);
  const response = await fetch(endpoint + request.path, { headers, signal });
  if (!response.ok) throw new Error(await response.text());
  let text = "";
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (text + part).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/, 2)));
      if (fields.event === "end") throw new Error(fields.data);
      if (fields.event === "change") yield { id: fields.id, data: JSON.parse(fields.data) };
    }
  }
}

function changesRequest(endpoint, { IdentityPoolId, IdentityId, DatasetName }) {
  const [pool, identity] = [IdentityPoolId, IdentityId].map(encodeURIComponent);
  const path = `/identitypools/${pool}/identities/${identity}/datasets/${DatasetName}/changes`;
  const { protocol, host, hostname, port } = new URL(endpoint);
  return { method: "GET", protocol, hostname, port, path, query: {}, headers: { host } };
}
