package io.swav.operatorbench;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The head of a message of HTTP/1.1 (RFC 9112) as it was received, and enough understanding of it to find the message's
 * end.
 */
final class HttpMessage {
    private static final int MOST_HEAD_BYTES = 1 << 20;
    private static final int CARRIAGE_RETURN_LINE_FEED = 2;

    private final byte[] head;
    private final String start;
    private final Map<String, String> fields;

    /**
     * Creates a message.
     * @param head all bytes up to the empty line, this included
     * @param start the request line or status line
     * @param fields by name in lower case; of several of a name, the last
     */
    private HttpMessage(byte[] head, String start, Map<String, String> fields) {
        this.head = head;
        this.start = start;
        this.fields = fields;
    }

    void writeHead(OutputStream out) throws IOException {
        out.write(head);
    }

    /** Reads a head; empty if the connection ended before it. */
    static Optional<HttpMessage> read(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        String start = line(in, head);
        if (start.isEmpty() && head.size() == 0) {
            return Optional.empty();
        }
        Map<String, String> fields = new TreeMap<>();
        for (String line = line(in, head); !line.isEmpty(); line = line(in, head)) {
            int colon = line.indexOf(':');
            fields.put(
                    line.substring(0, colon).strip().toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip());
        }
        return Optional.of(new HttpMessage(head.toByteArray(), start, fields));
    }

    /** Reads a line without its end, which is copied like the rest; empty at the end of the stream. */
    private static String line(InputStream in, ByteArrayOutputStream copy) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next = in.read(); next >= 0; next = in.read()) {
            copy.write(next);
            if (copy.size() > MOST_HEAD_BYTES) {
                throw new IOException("a head of more than " + MOST_HEAD_BYTES + " bytes");
            }
            if (next == '\n') {
                return line.toString(StandardCharsets.ISO_8859_1).stripTrailing();
            }
            line.write(next);
        }
        if (copy.size() > 0) {
            throw new EOFException("the connection ended within a head");
        }
        return "";
    }

    /** Reads the message's body in the framing in which it was sent. */
    byte[] body(InputStream in) throws IOException {
        if ("chunked".equalsIgnoreCase(fields.get("transfer-encoding"))) {
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            for (int size = chunkSize(in, body); size > 0; size = chunkSize(in, body)) {
                copy(in, size + CARRIAGE_RETURN_LINE_FEED, body);
            }
            while (!line(in, body).isEmpty()) {
                // trailers, which the empty line ends
            }
            return body.toByteArray();
        }
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        copy(in, Integer.parseInt(fields.getOrDefault("content-length", "0")), body);
        return body.toByteArray();
    }

    private static int chunkSize(InputStream in, ByteArrayOutputStream copy) throws IOException {
        String line = line(in, copy);
        return Integer.parseInt(line.replaceFirst(";.*", "").strip(), 16);
    }

    private static void copy(InputStream in, int bytes, ByteArrayOutputStream to) throws IOException {
        byte[] read = in.readNBytes(bytes);
        if (read.length < bytes) {
            throw new EOFException("the connection ended within a body");
        }
        to.write(read);
    }

    String method() {
        return start.split(" ", 2)[0];
    }

    /** Returns the status of a response. */
    int status() {
        return Integer.parseInt(start.split(" ", -1)[1]);
    }

    /** Returns the path and query of a request. */
    String target() {
        return start.split(" ", -1)[1];
    }

    /** Whether the request asks for a stream of changes, over a web socket or as an endless response. */
    boolean isWatch() {
        return start.contains("watch=true") || "websocket".equalsIgnoreCase(fields.get("upgrade"));
    }
}
