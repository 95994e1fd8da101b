/** A way to a server that tests can cut: what goes through it is passed on unchanged. */

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before } from "node:test";

/** Give a way to a server, for as long as the tests of a file run: its `endpoint`, and `cut()`. */
export function cuttableWay(server) {
  const way = {
    get region() {
      return server.region;
    },
  };
  const open = new Set();
  const listener = createServer((near) => {
    const { hostname, port } = new URL(server.endpoint);
    const far = connect({ host: hostname, port });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  before(async () => {
    await once(listener.listen(0, "127.0.0.1"), "listening");
    way.endpoint = `http://127.0.0.1:${listener.address().port}`;
    way.cut = () => open.forEach((socket) => socket.destroy());
  });
  after(() => {
    way.cut();
    listener.close();
  });
  return way;
}
