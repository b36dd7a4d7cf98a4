// Sites whose routers are Express 5, Express 4, and the WHATWG's URL: one port each. Each answer
// says in X-Routes what the router took the address for.
const http = require("node:http");

const route = (path) =>
  /^\/members(\/|$)/i.test(path) ? "secret" : /^\/public(\/|$)/i.test(path) ? "public" : "other";

function site(express) {
  const app = express();
  const is = (name) => (request, response) => response.set("X-Routes", "express=" + name).send(name);
  const members = express.Router();
  members.get("/", is("secret"));
  members.get("/files/:id", is("secret"));
  members.use(is("secret"));
  app.use("/members", members);
  app.use("/public", is("public"));
  app.use(is("other"));
  app.use((error, request, response, next) => response.status(400).send("not understood"));
  return http.createServer(app);
}

const decoded = (path) => {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
};

const whatwg = http.createServer((request, response) => {
  let path;
  try {
    path = new URL(request.url, "http://site.example").pathname;
  } catch {
    response.writeHead(400).end();
    return;
  }
  response.setHeader("X-Routes", `url=${route(path)} url-decoded=${route(decoded(path))}`);
  response.end("x");
});

const ports = process.argv.slice(2);
[site(require("express")), site(require("express-4")), whatwg].forEach((server, i) => server.listen(ports[i], "127.0.0.1"));
