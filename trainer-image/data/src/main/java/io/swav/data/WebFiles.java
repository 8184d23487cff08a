package io.swav.data;

import io.swav.api.TrainerEnv;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.NoSuchFileException;
import java.util.Optional;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.classic.methods.HttpHead;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.impl.DefaultRedirectStrategy;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.HttpRequest;
import org.apache.hc.core5.http.HttpResponse;
import org.apache.hc.core5.http.io.SocketConfig;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.util.Timeout;
import org.jspecify.annotations.Nullable;

/**
 * Files of a web server, which has to answer range requests (RFC 9110, section 14). The version of a file is its ETag, or
 * the time of its last change; a server that gives neither can replace a file unseen if its size stays.
 */
final class WebFiles implements RemoteFiles {
    private static final Timeout CONNECT = Timeout.ofSeconds(5);
    /** Time without a single byte. */
    private static final Timeout SILENCE = Timeout.ofSeconds(20);

    private final CloseableHttpClient client;
    private final String scheme;
    private final String authority;
    private final HttpHost host;
    private final Optional<String> authorization;

    /** @param authorization value of the header Authorization; it is not sent to the target of a redirect elsewhere */
    WebFiles(String scheme, String authority, Optional<String> authorization, int connections) {
        this.scheme = scheme;
        this.authority = authority;
        this.host = HttpHost.create(URI.create(scheme + "://" + authority));
        this.authorization = authorization;
        this.client = HttpClients.custom()
                .setConnectionManager(PoolingHttpClientConnectionManagerBuilder.create()
                        .setMaxConnTotal(connections)
                        .setMaxConnPerRoute(connections)
                        .setDefaultSocketConfig(
                                SocketConfig.custom().setSoTimeout(SILENCE).build())
                        .setDefaultConnectionConfig(ConnectionConfig.custom()
                                .setConnectTimeout(CONNECT)
                                .setSocketTimeout(SILENCE)
                                .build())
                        .useSystemProperties()
                        .build())
                .useSystemProperties()
                .setRedirectStrategy(new DefaultRedirectStrategy() {
                    @Override
                    public boolean isRedirectAllowed(
                            HttpHost from, HttpHost to, HttpRequest redirect, HttpContext context) {
                        if (!from.equals(to)) {
                            redirect.removeHeaders(HttpHeaders.AUTHORIZATION);
                        }
                        return true;
                    }
                })
                .disableAutomaticRetries()
                .disableContentCompression() // offsets are those of the file
                .disableCookieManagement()
                .build();
    }

    @Override
    public String address(String name) {
        return scheme + "://" + authority + "/" + name;
    }

    @Override
    public FileSource.SourceFile describe(String name) throws IOException {
        try (ClassicHttpResponse response = send(new HttpHead(uri(name)))) {
            if (response.getCode() == 404 || response.getCode() == 410) {
                throw new NoSuchFileException(address(name));
            }
            requireSuccess(response, name);
            String length = header(response, HttpHeaders.CONTENT_LENGTH)
                    .orElseThrow(
                            () -> new IOException(address(name) + ": the server does not give the size of the file"));
            return new FileSource.SourceFile(name, Long.parseLong(length), version(response));
        }
    }

    @Override
    public void list(String start, FileSource.Visitor visitor) {
        throw new IllegalStateException("a web server's files are named, not listed: " + start);
    }

    @Override
    public Body get(FileSource.SourceFile file, long from, long to) throws IOException {
        HttpGet request = new HttpGet(uri(file.name()));
        boolean whole = from == 0 && to == file.bytes();
        if (!whole) {
            request.setHeader(HttpHeaders.RANGE, "bytes=" + from + "-" + (to - 1));
        }
        ClassicHttpResponse response = send(request);
        boolean used = false;
        try {
            requireSame(response, file);
            requireSuccess(response, file.name());
            if (!whole && response.getCode() != 206) {
                throw new IOException(address(file.name()) + ": the server answers " + response.getCode()
                        + " to a request for a range, so every image would cost a whole shard; use a server that answers"
                        + " range requests, such as nginx or an S3 service, or mount the data as a volume");
            }
            Body body = new WebBody(response, to - from);
            used = true;
            return body;
        } finally {
            if (!used) {
                response.close();
            }
        }
    }

    private ClassicHttpResponse send(HttpUriRequestBase request) throws IOException {
        authorization.ifPresent(value -> request.setHeader(HttpHeaders.AUTHORIZATION, value));
        return client.executeOpen(host, request, null);
    }

    private URI uri(String name) throws IOException {
        try {
            return new URI(scheme, authority, "/" + name, null, null);
        } catch (URISyntaxException e) {
            throw new IOException(address(name) + " is not a URL: " + e.getMessage(), e);
        }
    }

    private void requireSame(ClassicHttpResponse response, FileSource.SourceFile file) throws ChangedFileException {
        int code = response.getCode();
        if (code == 404 || code == 410) {
            throw new ChangedFileException(address(file.name()), "it is gone");
        }
        if (code == 416) {
            throw new ChangedFileException(address(file.name()), "it is shorter than " + file.bytes() + " bytes");
        }
        if (code != 200 && code != 206) {
            return;
        }
        String version = version(response);
        if (!version.equals(file.version())) {
            throw new ChangedFileException(
                    address(file.name()), "its version is " + version + " instead of " + file.version());
        }
        Optional<String> all = header(response, HttpHeaders.CONTENT_RANGE)
                .map(range -> range.substring(range.indexOf('/') + 1))
                .filter(size -> !size.equals("*"))
                .or(() -> code == 200 ? header(response, HttpHeaders.CONTENT_LENGTH) : Optional.empty());
        if (all.isPresent() && !all.get().equals(Long.toString(file.bytes()))) {
            throw new ChangedFileException(address(file.name()), all.get() + " bytes instead of " + file.bytes());
        }
    }

    private void requireSuccess(ClassicHttpResponse response, String name) throws IOException {
        int code = response.getCode();
        if (code == 401 || code == 403) {
            throw new IOException(address(name) + ": the server refuses access (" + code + "); give the pod "
                    + TrainerEnv.DATA_AUTHORIZATION + " from a Secret, or renew it if it has expired");
        }
        if (code != 200 && code != 206) {
            throw new IOException(address(name) + ": the server answers " + code);
        }
    }

    private static String version(HttpResponse response) {
        return header(response, HttpHeaders.ETAG)
                .or(() -> header(response, HttpHeaders.LAST_MODIFIED))
                .orElse("");
    }

    private static Optional<String> header(HttpResponse response, String name) {
        return Optional.ofNullable(response.getFirstHeader(name)).map(header -> header.getValue());
    }

    @Override
    public void close() {
        client.close(CloseMode.GRACEFUL);
    }

    private static final class WebBody implements Body {
        private final ClassicHttpResponse response;
        private final @Nullable InputStream stream;
        private long left;

        WebBody(ClassicHttpResponse response, long left) throws IOException {
            this.response = response;
            this.stream =
                    response.getEntity() == null ? null : response.getEntity().getContent();
            this.left = left;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int read = stream == null ? -1 : stream.read(into, offset, length);
            left -= Math.max(0, read);
            return read;
        }

        /** The stream of a body that was read to its end gives the connection back; that of another would read on. */
        @Override
        public void close() throws IOException {
            if (left == 0 && stream != null) {
                stream.close();
            } else {
                response.close();
            }
        }
    }
}
