package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileInputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process whose descriptors are used up while callers wait: a real limit, in a process of its own. */
class DescriptorsTest {
    @TempDir
    Path folder;

    @Test
    void aPortWithoutDescriptorsRestsLogsOnceAndRecovers() throws Exception {
        Path output = folder.resolve("output");
        Process child = new ProcessBuilder(
                        "sh",
                        "-c",
                        "ulimit -n 200; exec \"$@\"",
                        "sh",
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Dorg.apache.logging.log4j.level=INFO",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Exhausted.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        assertThat(child.waitFor(120, TimeUnit.SECONDS)).isTrue();
        String said = Files.readString(output);
        assertThat(child.exitValue()).as(said).isZero();
        assertThat(said.lines().filter(line -> line.contains("cannot accept connections: Too many open files")))
                .as(said)
                .hasSize(1);
        assertThat(said).contains("other trainers can connect to this one again");
    }

    static final class Exhausted {
        private static final Duration LOOK = Duration.ofSeconds(3);

        private Exhausted() {}

        public static void main(String[] args) throws Exception {
            try (PeerListener a = Ranked.listener("a");
                    PeerListener b = Ranked.listener("b")) {
                // loads classes that later code needs: in this test they are files, which need descriptors
                require(answers(a, b), "a peer must be answered at first");
                require(cpuNanos() >= 0, "threads must be measurable");
                Closeables.quietly(SocketChannel.open());
                List<SocketChannel> callers = new ArrayList<>();
                for (int nth = 0; nth < 3; nth++) {
                    callers.add(SocketChannel.open());
                }
                List<FileInputStream> files = useUp();
                for (SocketChannel caller : callers) {
                    caller.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), a.port()));
                }
                long before = cpuNanos();
                Thread.sleep(LOOK.toMillis()); // the time over which the thread's work is measured
                long used = cpuNanos() - before;
                for (FileInputStream file : files) {
                    file.close();
                }
                require(used < LOOK.toNanos() / 5, "the listener used " + used / 1_000_000 + " ms");
                long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
                while (!answers(a, b)) {
                    require(System.nanoTime() - deadline < 0, "a peer must be answered again");
                }
            }
        }

        private static boolean answers(PeerListener a, PeerListener b) {
            return TcpMesh.probe(b, Ranked.peer(a)).isEmpty();
        }

        private static List<FileInputStream> useUp() {
            List<FileInputStream> files = new ArrayList<>();
            while (true) {
                try {
                    files.add(new FileInputStream("/dev/null"));
                } catch (IOException usedUp) {
                    return files;
                }
            }
        }

        private static long cpuNanos() {
            ThreadMXBean threads = ManagementFactory.getThreadMXBean();
            long nanos = 0;
            for (ThreadInfo thread : threads.getThreadInfo(threads.getAllThreadIds())) {
                if (thread != null && thread.getThreadName().equals("peer-listener")) {
                    nanos += threads.getThreadCpuTime(thread.getThreadId());
                }
            }
            return nanos;
        }

        private static void require(boolean holds, String what) {
            if (!holds) {
                System.out.println(what);
                System.exit(1);
            }
        }
    }
}
