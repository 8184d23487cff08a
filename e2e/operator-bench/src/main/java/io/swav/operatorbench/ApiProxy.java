package io.swav.operatorbench;

import io.fabric8.kubernetes.client.Config;
import io.swav.common.DaemonThreads;
import io.swav.local.ConnectionListener;
import io.swav.local.LocalClusterException;
import io.swav.operatorbench.FaultSource.RequestKind;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

/**
 * Stands between the operator, which connects to it in plain HTTP/1.1, and the API server, and lets requests fail as
 * {@link FaultSource} draws. It knows nothing of what the requests mean.
 */
final class ApiProxy implements AutoCloseable {
    /** Longer than the operator's client waits for an answer. */
    private static final Duration HANG = Duration.ofSeconds(15);

    private static final Duration UNTIL_CUT = Duration.ofSeconds(2);
    private static final Duration BETWEEN_CUTS = Duration.ofSeconds(5);
    private static final int BUFFER_BYTES = 64 << 10;
    private static final int SWITCHING_PROTOCOLS = 101;
    private static final Set<String> READS = Set.of("GET", "HEAD");

    private final URI server;
    private final SSLSocketFactory tls;
    private final FaultSource faults;
    private final ConnectionListener listener;
    /** Connections whose caller watches. */
    private final Set<Socket> watches = ConcurrentHashMap.newKeySet();

    private volatile boolean injecting;

    private ApiProxy(URI server, SSLSocketFactory tls, FaultSource faults) throws IOException {
        this.server = server;
        this.tls = tls;
        this.faults = faults;
        this.listener = new ConnectionListener(
                "api-proxy", new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), this::serve);
    }

    /**
     * Starts a proxy that passes everything on until {@link #inject}.
     *
     * @param kubeconfig names the server and its authority; callers bring their own credentials
     */
    static ApiProxy start(Path kubeconfig, FaultSource faults) {
        Config config = Config.fromKubeconfig(kubeconfig.toFile());
        try {
            KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
            trusted.load(null, null);
            byte[] authority = Base64.getDecoder().decode(config.getCaCertData());
            trusted.setCertificateEntry(
                    "authority",
                    CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(authority)));
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(trusted);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            return new ApiProxy(URI.create(config.getMasterUrl()), context.getSocketFactory(), faults);
        } catch (GeneralSecurityException | IOException e) {
            throw new LocalClusterException("cannot start a proxy in front of " + config.getMasterUrl() + ": " + e, e);
        }
    }

    int port() {
        return listener.port();
    }

    /**
     * Begins or ends to inject faults. While it does, all watches that pass anything on are cut every few seconds, so
     * that watches begin, too.
     */
    void inject(boolean now) {
        injecting = now;
        if (now) {
            DaemonThreads.start("api-proxy", this::cutWatches);
        }
    }

    private void cutWatches() {
        while (injecting && !listener.isClosed()) {
            for (Socket watch : watches) {
                faults.count(Fault.CUT);
                ConnectionListener.hangUp(watch);
            }
            listener.pause(BETWEEN_CUTS);
        }
    }

    Map<String, Long> injected() {
        return faults.drawn();
    }

    private void serve(Socket caller) {
        listener.add(caller);
        try (caller;
                Socket upstream = tls.createSocket(server.getHost(), server.getPort())) {
            if (!listener.add(upstream)) {
                return;
            }
            caller.setTcpNoDelay(true);
            upstream.setTcpNoDelay(true);
            InputStream requests = new BufferedInputStream(caller.getInputStream(), BUFFER_BYTES);
            InputStream responses = new BufferedInputStream(upstream.getInputStream(), BUFFER_BYTES);
            Optional<HttpMessage> request = HttpMessage.read(requests);
            while (request.isPresent() && exchange(new Line(caller, requests, upstream, responses), request.get())) {
                request = HttpMessage.read(requests);
            }
            listener.remove(upstream);
        } catch (IOException e) {
            // one of the two has hung up, and now the other sees it
        } finally {
            listener.remove(caller);
            watches.remove(caller);
        }
    }

    private record Line(Socket caller, InputStream requests, Socket upstream, InputStream responses) {}

    /** Serves one request; false if its connection ends with it. */
    private boolean exchange(Line line, HttpMessage request) throws IOException {
        byte[] body = request.body(line.requests());
        Optional<Fault> fault = injecting && !isOfLease(request) ? faults.next(kind(request)) : Optional.empty();
        if (fault.isEmpty()) {
            return pass(line, request, body);
        }
        switch (fault.get()) {
            case CONFLICT -> respond(line, 409, "Conflict", "");
            case GONE -> respond(line, 410, "Expired", "");
            case TOO_MANY_REQUESTS -> respond(line, 429, "TooManyRequests", "Retry-After: 1\r\n");
            case SERVER_ERROR -> respond(line, 500, "InternalError", "");
            case GATEWAY_TIMEOUT -> {
                discardAnswer(line, request, body);
                respond(line, 504, "Timeout", "");
            }
            case RESET -> {
                line.caller().setSoLinger(true, 0);
                return false;
            }
            case HANG -> {
                listener.pause(HANG);
                return false;
            }
            case ANSWER_LOST -> {
                discardAnswer(line, request, body);
                line.caller().setSoLinger(true, 0);
                return false;
            }
            case CUT -> {
                DaemonThreads.start("api-proxy", () -> {
                    listener.pause(UNTIL_CUT);
                    ConnectionListener.hangUp(line.caller(), line.upstream());
                });
                return pass(line, request, body);
            }
            case FROZEN -> {
                send(line, request, body).writeHead(line.caller().getOutputStream());
                line.requests().transferTo(OutputStream.nullOutputStream()); // until the caller gives it up
                return false;
            }
        }
        return true;
    }

    /** Such requests are spared: an operator that loses its lease exits, and no Deployment starts another one here. */
    private static boolean isOfLease(HttpMessage request) {
        return request.target().contains("/leases/");
    }

    private static RequestKind kind(HttpMessage request) {
        if (request.isWatch()) {
            return RequestKind.WATCH;
        }
        return READS.contains(request.method()) ? RequestKind.READ : RequestKind.WRITE;
    }

    private static HttpMessage send(Line line, HttpMessage request, byte[] body) throws IOException {
        OutputStream out = line.upstream().getOutputStream();
        request.writeHead(out);
        out.write(body);
        out.flush();
        return HttpMessage.read(line.responses())
                .orElseThrow(() -> new IOException("the API server ended the connection"));
    }

    private static void discardAnswer(Line line, HttpMessage request, byte[] body) throws IOException {
        send(line, request, body).body(line.responses());
    }

    private boolean pass(Line line, HttpMessage request, byte[] body) throws IOException {
        HttpMessage response = send(line, request, body);
        OutputStream out = line.caller().getOutputStream();
        response.writeHead(out);
        if (request.isWatch()) {
            watches.add(line.caller());
        }
        if (response.status() == SWITCHING_PROTOCOLS) {
            DaemonThreads.start("api-proxy", () -> pump(line.requests(), line.upstream(), line.caller()));
            pump(line.responses(), line.caller(), line.upstream());
            return false;
        }
        if (request.isWatch() && response.status() < 300) {
            pump(line.responses(), line.caller(), line.upstream());
            return false;
        }
        out.write(response.body(line.responses()));
        out.flush();
        return true;
    }

    /** Passes bytes on as they come, until one of the two ends. */
    private static void pump(InputStream from, Socket to, Socket other) {
        try {
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[BUFFER_BYTES];
            for (int read = from.read(buffer); read >= 0; read = from.read(buffer)) {
                out.write(buffer, 0, read);
                out.flush();
            }
        } catch (IOException e) {
            // as its end
        } finally {
            ConnectionListener.hangUp(to, other);
        }
    }

    private static void respond(Line line, int code, String reason, String fields) throws IOException {
        byte[] body =
                ("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\""
                                + "injected by swav bench: " + reason + "\",\"reason\":\"" + reason + "\",\"code\":"
                                + code + "}")
                        .getBytes(StandardCharsets.UTF_8);
        OutputStream out = line.caller().getOutputStream();
        out.write(("HTTP/1.1 " + code + " " + reason + "\r\nContent-Type: application/json\r\n" + fields
                        + "Content-Length: " + body.length + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
        out.write(body);
        out.flush();
    }

    /** Stops listening, and ends all connections. */
    @Override
    public void close() {
        listener.close();
    }
}
