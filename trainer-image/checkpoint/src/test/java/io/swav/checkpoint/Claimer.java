package io.swav.checkpoint;

import io.swav.s3.S3Server;
import io.swav.s3.S3Service;
import java.io.IOException;
import java.nio.file.Path;

/** A process that claims a store, prints the verdict, and lives until it is killed. */
final class Claimer {
    private Claimer() {}

    /**
     * Starts one.
     *
     * @param port of the S3 server, or 0
     * @param job uid of the job that claims; empty for the process itself
     */
    static Process start(String uri, int port, String job) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx192m",
                        "-Daws.accessKeyId=tester",
                        "-Daws.secretAccessKey=a-secret",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Claimer.class.getName(),
                        uri,
                        Integer.toString(port),
                        job)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[1]);
        Store store = StoreFactory.open(arguments[0], port == 0 ? S3Service.AWS : S3Server.at(port));
        Training training = arguments[2].isEmpty()
                ? Training.ofThisProcess("the claimer")
                : Training.ofJob(arguments[2], "default", "demo");
        System.out.println(
                new StoreLease(store, training, StoreLease.Timing.STANDARD).claim() instanceof StoreLease.Claim.Held);
        Thread.currentThread().join();
    }
}
