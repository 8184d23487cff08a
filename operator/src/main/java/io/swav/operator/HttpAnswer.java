package io.swav.operator;

import java.net.HttpURLConnection;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * A response.
 *
 * @param headers besides Content-Type and Content-Length
 * @param sent runs once when the body has been sent, or cannot be
 */
record HttpAnswer(int status, String contentType, ByteBuffer body, Map<String, String> headers, Runnable sent) {
    static final String PLAIN = "text/plain; charset=utf-8";

    /** @param text a sentence, without the end of its line */
    static HttpAnswer plain(int status, String text) {
        return of(status, PLAIN, text + "\n", Map.of());
    }

    static HttpAnswer of(int status, String contentType, String text, Map<String, String> headers) {
        return new HttpAnswer(
                status, contentType, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), headers, () -> {});
    }

    /** Returns an answer for a client that should ask again later. */
    static HttpAnswer busy(String text) {
        return of(HttpURLConnection.HTTP_UNAVAILABLE, PLAIN, text + "\n", Map.of("Retry-After", "1"));
    }
}
