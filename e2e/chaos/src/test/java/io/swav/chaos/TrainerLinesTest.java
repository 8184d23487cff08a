package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.chaos.TrainerLines.Block;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class TrainerLinesTest {
    @TempDir
    Path dir;

    private static ServerSocket trainer() throws IOException {
        return new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    }

    private static Socket call(int port) throws IOException {
        Socket socket = new Socket();
        socket.connect(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 2}), port), 10_000);
        socket.setSoTimeout(500);
        return socket;
    }

    /** Another JVM, because the hosts file is a property of the whole process. */
    private String resolved(String pod, String name) throws Exception {
        String options = TrainerLines.environment(dir.resolve("hosts"), "storm", "-Xint")
                .getOrDefault("JDK_JAVA_OPTIONS", "")
                .replace("$(SWAV_POD)", pod);
        Path program = dir.resolve("Look.java");
        Files.writeString(program, """
                class Look {
                    public static void main(String[] names) throws Exception {
                        System.out.print(java.net.InetAddress.getByName(names[0]).getHostAddress());
                    }
                }
                """);
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin/java").toString()));
        command.addAll(List.of(options.split(" ")));
        command.addAll(List.of(program.toString(), name));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    @Test
    void aTrainerIsItselfAndItsPeersAreProxies() throws Exception {
        assertThat(resolved("storm-3", "storm-3")).isEqualTo("127.0.0.1");
        assertThat(resolved("storm-3", "storm-33")).isEqualTo("127.0.0.2");
        assertThat(TrainerLines.environment(dir.resolve("hosts"), "storm", ""))
                .containsEntry("SWAV_POD_IP", "$(SWAV_POD)");
    }

    @Test
    void putsAProxyBeforeEachTrainerAndOneInPlaceOfAnEndedOnes() throws Exception {
        try (TrainerLines lines = new TrainerLines();
                ServerSocket trainer = trainer()) {
            lines.serve(Map.of("storm-1", trainer.getLocalPort()));
            lines.serve(Map.of("storm-1", trainer.getLocalPort(), "storm-2", trainer.getLocalPort()));
            try (Socket peer = call(trainer.getLocalPort());
                    Socket accepted = trainer.accept()) {
                peer.getOutputStream().write(7);
                assertThat(accepted.getInputStream().read()).isEqualTo(7);
            }
        }
    }

    @Test
    void aBlockedTrainerIsNotReachedAndTheNextOneIs() throws Exception {
        try (TrainerLines lines = new TrainerLines();
                ServerSocket refusing = trainer();
                ServerSocket silent = trainer();
                ServerSocket open = trainer()) {
            lines.blockNext(Block.REFUSE);
            lines.serve(Map.of("storm-1", refusing.getLocalPort()));
            assertThatThrownBy(() -> call(refusing.getLocalPort())).isInstanceOf(ConnectException.class);

            lines.blockNext(Block.SILENCE);
            lines.serve(Map.of("storm-1", refusing.getLocalPort(), "storm-2", silent.getLocalPort()));
            try (Socket peer = call(silent.getLocalPort())) {
                peer.getOutputStream().write(7);
                assertThatThrownBy(() -> peer.getInputStream().read()).isInstanceOf(SocketTimeoutException.class);
            }

            lines.blockNext(Block.REFUSE);
            lines.blockNone();
            lines.serve(Map.of("storm-3", open.getLocalPort()));
            call(open.getLocalPort()).close();
        }
    }
}
