package io.swav.operator;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** An API server that keeps objects by their path, and refuses single requests on demand. */
final class ObjectServer implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpServer server;
    private final KubernetesClient client;
    private final Map<String, ObjectNode> objects = new ConcurrentHashMap<>();
    /** Reason of the 409 by the end of the path of the next create. */
    private final Map<String, String> refusals = new ConcurrentHashMap<>();

    ObjectServer() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
        client = new KubernetesClientBuilder()
                .withConfig(new ConfigBuilder()
                        .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                        .withRequestRetryBackoffLimit(0)
                        .build())
                .build();
    }

    KubernetesClient client() {
        return client;
    }

    /** Answers the next create of this plural with 409, whether or not the name is taken. */
    void refuseCreate(String plural, String reason) {
        refusals.put(plural, reason);
    }

    List<String> names(String plural) {
        return objects.keySet().stream()
                .filter(path -> path.contains("/" + plural + "/"))
                .map(path -> path.substring(path.lastIndexOf('/') + 1))
                .sorted()
                .toList();
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        byte[] body = exchange.getRequestBody().readAllBytes();
        boolean creates = exchange.getRequestMethod().equals("POST");
        String[] parts = path.split("/", -1);
        String plural = parts[parts.length - (creates ? 1 : 2)];
        if (exchange.getRequestMethod().equals("GET")) {
            ObjectNode found = objects.get(path);
            if (found == null) {
                refuse(exchange, HttpURLConnection.HTTP_NOT_FOUND, "NotFound");
            } else {
                send(exchange, HttpURLConnection.HTTP_OK, found);
            }
            return;
        }
        ObjectNode object = (ObjectNode) JSON.readTree(body);
        ObjectNode metadata = object.withObject("/metadata");
        String key = creates ? path + "/" + metadata.path("name").asText() : path;
        String refusal = creates ? refusals.remove(plural) : null;
        if (refusal != null || (creates && objects.containsKey(key))) {
            refuse(exchange, HttpURLConnection.HTTP_CONFLICT, refusal == null ? "AlreadyExists" : refusal);
            return;
        }
        metadata.put("uid", "uid of " + key).put("resourceVersion", "2");
        objects.put(key, object);
        send(exchange, creates ? HttpURLConnection.HTTP_CREATED : HttpURLConnection.HTTP_OK, object);
    }

    private static void refuse(HttpExchange exchange, int code, String reason) throws IOException {
        send(
                exchange,
                code,
                JSON.createObjectNode()
                        .put("kind", "Status")
                        .put("code", code)
                        .put("reason", reason)
                        .put("message", "refused"));
    }

    private static void send(HttpExchange exchange, int status, ObjectNode answer) throws IOException {
        byte[] bytes = answer.toString().getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    @Override
    public void close() {
        client.close();
        server.stop(0);
    }
}
