package io.swav.trainer;

import io.swav.api.TrainerEnv;
import io.swav.api.TrainerExitException;
import io.swav.torch.DirectMemory;
import io.swav.torch.HostMemory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/** Checks what a trainer needs from its machine or container, before any library is loaded. */
final class MachineChecks {
    private static final int JAVA = 17;
    /** The smallest model's trainer needs about 470 MB. */
    private static final long LEAST_MEMORY = 600L << 20;

    private static final long LEAST_SHARED = 512L << 20;
    private static final int CONNECT_MILLIS = 2000;

    private final Map<String, String> env;
    private final Path root;

    /** @param root of the file system that is checked */
    MachineChecks(Map<String, String> env, Path root) {
        this.env = env;
        this.root = root;
    }

    List<DoctorFinding> all() {
        return List.of(
                java(),
                processors(),
                threads(),
                memory(),
                scratch(),
                sharedMemory(),
                loopback(),
                network(),
                settings());
    }

    private static DoctorFinding java() {
        String found = System.getProperty("java.version") + " (" + System.getProperty("java.vendor") + "), heap up to "
                + megabytes(Runtime.getRuntime().maxMemory()) + ", direct memory up to "
                + megabytes(DirectMemory.now().limit());
        return Runtime.version().feature() >= JAVA
                ? DoctorFinding.good("Java", found)
                : DoctorFinding.bad("Java", found, "Java " + JAVA + " or newer is needed: set JAVA_HOME to one");
    }

    private static DoctorFinding processors() {
        int processors = Runtime.getRuntime().availableProcessors();
        return DoctorFinding.good("processors", processors + " for this process");
    }

    private DoctorFinding threads() {
        String threads = env.getOrDefault("OMP_NUM_THREADS", "unset, libtorch uses one per core");
        String policy = env.getOrDefault("OMP_WAIT_POLICY", "unset");
        String found = "OMP_NUM_THREADS " + threads + ", OMP_WAIT_POLICY " + policy;
        return policy.equalsIgnoreCase("PASSIVE")
                ? DoctorFinding.good("threads", found)
                : DoctorFinding.warning(
                        "threads",
                        found,
                        "if several trainers share a machine, set OMP_WAIT_POLICY=PASSIVE: spinning threads take the"
                                + " processors from each other");
    }

    private DoctorFinding memory() {
        HostMemory host = new HostMemory(root);
        OptionalLong limit = host.limit();
        long left = host.free().orElse(Long.MAX_VALUE);
        String found = megabytes(left) + " available of "
                + megabytes(host.total().orElse(0))
                + (limit.isPresent() ? ", limit of this container " + megabytes(limit.getAsLong()) : "");
        return left >= LEAST_MEMORY
                ? DoctorFinding.good("memory", found)
                : DoctorFinding.bad(
                        "memory",
                        found,
                        "even the smallest model needs " + megabytes(LEAST_MEMORY)
                                + ": stop other programs, or raise the container's memory limit");
    }

    /** Checks the folder into which Java and libtorch unpack libraries. */
    private static DoctorFinding scratch() {
        Path folder = Path.of(System.getProperty("java.io.tmpdir"));
        try {
            Path file = Files.createTempFile(folder, "swav", ".doctor");
            Files.delete(file);
            return DoctorFinding.good(
                    "scratch",
                    folder + ", " + megabytes(Files.getFileStore(folder).getUsableSpace()) + " free");
        } catch (IOException e) {
            return DoctorFinding.bad(
                    "scratch",
                    folder + ": " + e,
                    "mount a writable volume there (an emptyDir at /tmp), or set another folder by -Djava.io.tmpdir");
        }
    }

    private DoctorFinding sharedMemory() {
        Path folder = root.resolve("dev/shm");
        try {
            long size = Files.getFileStore(folder).getTotalSpace();
            String found = folder + ", " + megabytes(size);
            return size >= LEAST_SHARED
                    ? DoctorFinding.good("shared memory", found)
                    : DoctorFinding.warning(
                            "shared memory",
                            found,
                            "NCCL between GPUs of one node needs more: mount an emptyDir with medium Memory at"
                                    + " /dev/shm, or set NCCL_SHM_DISABLE=1");
        } catch (IOException e) {
            return DoctorFinding.warning("shared memory", "none", "NCCL needs /dev/shm, or NCCL_SHM_DISABLE=1");
        }
    }

    private static DoctorFinding loopback() {
        InetAddress address = InetAddress.getLoopbackAddress();
        try (ServerSocket server = new ServerSocket(0, 1, address);
                Socket socket = new Socket()) {
            socket.connect(server.getLocalSocketAddress(), CONNECT_MILLIS);
            return DoctorFinding.good("loopback", address.getHostAddress() + " answers");
        } catch (IOException e) {
            return DoctorFinding.bad(
                    "loopback", address.getHostAddress() + ": " + e.getMessage(), "bring it up: ip link set lo up");
        }
    }

    private DoctorFinding network() {
        List<String> found = new ArrayList<>();
        List<String> addresses = new ArrayList<>(List.of("127.0.0.1"));
        try {
            for (NetworkInterface one : Collections.list(NetworkInterface.getNetworkInterfaces())) {
                if (one.isUp() && !one.isLoopback()) {
                    List<String> its = one.inetAddresses()
                            .map(address -> address.getHostAddress().replaceFirst("%.*", ""))
                            .toList();
                    addresses.addAll(its);
                    found.add(one.getName() + " " + String.join(" ", its) + " (MTU " + one.getMTU() + ")");
                }
            }
        } catch (IOException e) {
            return DoctorFinding.warning("network", "unknown: " + e.getMessage(), "interfaces could not be listed");
        }
        String shown = found.isEmpty() ? "loopback only" : String.join(", ", found);
        String podIp = env.getOrDefault(TrainerEnv.POD_IP, "");
        return podIp.isEmpty() || addresses.contains(podIp)
                ? DoctorFinding.good("network", shown)
                : DoctorFinding.bad(
                        "network",
                        shown,
                        TrainerEnv.POD_IP + " is " + podIp
                                + ", which no interface has: peers could not connect to this trainer");
    }

    /** Checks the variables that the operator or the user sets. */
    private DoctorFinding settings() {
        try {
            TrainerEnvironment.of(env);
        } catch (TrainerExitException e) {
            return DoctorFinding.bad("settings", "refused", String.valueOf(e.getMessage()));
        }
        String names = env.keySet().stream()
                .filter(name -> name.startsWith("SWAV_") || name.startsWith("NCCL_"))
                .sorted()
                .collect(Collectors.joining(", "));
        return DoctorFinding.good("settings", names.isEmpty() ? "no SWAV_ or NCCL_ variable" : names);
    }

    private static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%,d MB", bytes >> 20);
    }
}
