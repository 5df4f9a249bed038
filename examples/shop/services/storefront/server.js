import Fastify from "fastify";
import { request } from "undici";

const app = Fastify({ logger: true });

app.get("/healthz", async () => ({ ok: true }));

app.post("/orders", async (req, reply) => {
  const { statusCode, body } = await request("http://orders:8000/orders", {
    method: "POST",
    body: JSON.stringify(req.body),
  });
  return reply.code(statusCode).send(await body.json());
});

await app.listen({ host: "0.0.0.0", port: 8080 });
