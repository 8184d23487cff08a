package io.swav.data;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A web server whose answers fail on command. */
final class FaultyWeb implements AutoCloseable {
    private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d+)");

    /** What happens to a GET of a file instead of the right answer. */
    interface Fault {
        /** Answers by itself and returns true, or returns false for the right answer. */
        boolean answer(HttpExchange exchange, byte[] content) throws IOException;
    }

    private static final class Served {
        final byte[] content;
        final String tag;

        Served(byte[] content, String tag) {
            this.content = content;
            this.tag = tag;
        }
    }

    private final HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Map<String, Served> files = new ConcurrentHashMap<>();
    private final ConcurrentLinkedQueue<Fault> faults = new ConcurrentLinkedQueue<>();
    private final List<String> requests = new ArrayList<>();
    private volatile boolean ranges = true;

    FaultyWeb() throws IOException {
        server.createContext("/", this::serve);
        server.setExecutor(threads);
        server.start();
    }

    int port() {
        return server.getAddress().getPort();
    }

    String uri(String name) {
        return "http://127.0.0.1:" + port() + "/" + name;
    }

    void put(String name, byte[] content, String tag) {
        files.put("/" + name, new Served(content, tag));
    }

    void remove(String name) {
        files.remove("/" + name);
    }

    /** Makes the next GETs fail, one after another. */
    void fail(Fault... next) {
        faults.addAll(Arrays.asList(next));
    }

    int faultsLeft() {
        return faults.size();
    }

    void withoutRanges() {
        ranges = false;
    }

    /** Method, path, range and authorization of each request. */
    synchronized List<String> requests() {
        return List.copyOf(requests);
    }

    static Fault status(int code) {
        return (exchange, content) -> {
            exchange.sendResponseHeaders(code, -1);
            return true;
        };
    }

    /** Cuts the body after so many bytes. */
    static Fault cutAfter(int bytes) {
        return (exchange, content) -> {
            int[] range = range(exchange, content);
            head(exchange, range, content);
            exchange.getResponseBody().write(content, range[0], Math.min(bytes, range[1] - range[0]));
            exchange.getResponseBody().flush();
            throw new IOException("cut");
        };
    }

    static Fault redirect(String to) {
        return (exchange, content) -> {
            exchange.getResponseHeaders().add("Location", to);
            exchange.sendResponseHeaders(302, -1);
            return true;
        };
    }

    private void serve(HttpExchange exchange) throws IOException {
        try (exchange) {
            exchange.getRequestBody().readAllBytes();
            String path = exchange.getRequestURI().getPath();
            synchronized (this) {
                requests.add(exchange.getRequestMethod() + " " + path + " "
                        + exchange.getRequestHeaders().getFirst("Range") + " "
                        + exchange.getRequestHeaders().getFirst("Authorization"));
            }
            Served file = files.get(path);
            boolean get = exchange.getRequestMethod().equals("GET");
            Fault fault = get ? faults.poll() : null;
            byte[] content = file == null ? new byte[0] : file.content;
            if (file != null && !file.tag.isEmpty()) {
                exchange.getResponseHeaders().set("ETag", file.tag);
            }
            if (fault != null && fault.answer(exchange, content)) {
                return;
            }
            if (file == null) {
                exchange.sendResponseHeaders(404, -1);
            } else if (!get) {
                exchange.getResponseHeaders().set("Content-Length", Integer.toString(content.length));
                exchange.sendResponseHeaders(200, -1);
            } else if (ranges) {
                int[] range = range(exchange, content);
                head(exchange, range, content);
                exchange.getResponseBody().write(content, range[0], range[1] - range[0]);
            } else {
                exchange.sendResponseHeaders(200, content.length);
                exchange.getResponseBody().write(content);
            }
        }
    }

    private static int[] range(HttpExchange exchange, byte[] content) {
        String asked = exchange.getRequestHeaders().getFirst("Range");
        Matcher range = RANGE.matcher(asked == null ? "" : asked);
        return range.matches()
                ? new int[] {
                    Integer.parseInt(range.group(1)), Math.min(content.length, Integer.parseInt(range.group(2)) + 1)
                }
                : new int[] {0, content.length};
    }

    private static void head(HttpExchange exchange, int[] range, byte[] content) throws IOException {
        boolean part = exchange.getRequestHeaders().containsKey("Range");
        if (part) {
            exchange.getResponseHeaders()
                    .set("Content-Range", "bytes " + range[0] + "-" + (range[1] - 1) + "/" + content.length);
        }
        exchange.sendResponseHeaders(part ? 206 : 200, range[1] - range[0]);
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
