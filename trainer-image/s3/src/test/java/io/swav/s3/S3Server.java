package io.swav.s3;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** A real S3 server, S3Proxy, in a separate process, over a folder. */
public final class S3Server implements AutoCloseable {
    public static final String BUCKET = "bucket";
    private static final Path JARS = Path.of("../../tools/s3-server/target/lib");

    private final Process process;
    private final int port;

    private S3Server(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    /** Starts a server, and gives its credentials to this process's AWS SDK. */
    public static S3Server start(Path folder) throws IOException {
        assertThat(JARS).as("jars of the S3 server, made by module s3-server").isDirectory();
        Path data = Files.createDirectories(folder.resolve("s3"));
        Files.createDirectories(data.resolve(BUCKET));
        // below the ports that the kernel hands out, so that no process gets it before the server listens
        int port = ThreadLocalRandom.current()
                .ints(20_000, 30_000)
                .filter(S3Server::isFree)
                .findFirst()
                .getAsInt();
        Path properties = Files.writeString(folder.resolve("s3proxy.conf"), """
                s3proxy.endpoint=http://127.0.0.1:%d
                s3proxy.authorization=aws-v2-or-v4
                s3proxy.identity=tester
                s3proxy.credential=a-secret
                jclouds.provider=filesystem-nio2
                jclouds.filesystem.basedir=%s
                """.formatted(port, data));
        Path quiet = Files.writeString(
                folder.resolve("logback.xml"), "<configuration><root level=\"OFF\"/></configuration>");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx256m",
                        "-Dlogback.configurationFile=" + quiet,
                        "-cp",
                        JARS + "/*",
                        "org.gaul.s3proxy.Main",
                        "--properties",
                        properties.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("s3proxy.log").toFile())
                .start();
        S3Server server = new S3Server(process, port);
        await("S3 server at port " + port + ", its log in " + folder)
                .atMost(Duration.ofMinutes(5))
                .pollInterval(Duration.ofMillis(100))
                .ignoreExceptions()
                .until(() -> {
                    assertThat(process.isAlive()).isTrue();
                    new Socket(InetAddress.getLoopbackAddress(), port).close();
                    return true;
                });
        login("a-secret");
        return server;
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket(port)) {
            return socket.isBound();
        } catch (IOException taken) {
            return false;
        }
    }

    /** Gives a secret to this process's AWS SDK. */
    public static void login(String secret) {
        System.setProperty("aws.accessKeyId", "tester");
        System.setProperty("aws.secretAccessKey", secret);
    }

    public int port() {
        return port;
    }

    /** Returns the service as seen at a port, the server's own or a proxy's. */
    public static S3Service at(int port) {
        return S3Service.at(URI.create("http://127.0.0.1:" + port));
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
