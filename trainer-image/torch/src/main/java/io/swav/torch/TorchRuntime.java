package io.swav.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch;

/**
 * Starts libtorch once for this JVM: DJL loads it, then JavaCPP binds to the same file. A second copy would abort the
 * process, so {@link #start} checks that exactly one is mapped.
 */
public final class TorchRuntime {
    private static final String ENGINE = "PyTorch";
    private static final String LIBRARY = "libtorch_cpu.so";

    private TorchRuntime() {}

    private static final class Started {
        static final Path LIBTORCH = load();
    }

    /**
     * Starts libtorch; idempotent. Call it before anything else in this package, and before DJL if JavaCPP is used
     * later.
     *
     * @return the libtorch_cpu.so in use
     * @throws IllegalStateException if not exactly one libtorch is mapped
     */
    public static Path start() {
        return Started.LIBTORCH;
    }

    /**
     * Sets the number of threads inside one operation. Results are reproducible bit for bit only at one fixed number.
     */
    public static void setThreads(int threads) {
        start();
        torch.set_num_threads(threads);
    }

    /** The number of threads inside one operation of the calling thread. */
    public static int threads() {
        start();
        return torch.get_num_threads();
    }

    /** Whether convolutions on the CPU may use oneDNN: true unless {@link #useOneDnn} changed it. */
    public static boolean usesOneDnn() {
        start();
        return torch.globalContext().userEnabledMkldnn();
    }

    /**
     * Allows or forbids oneDNN for the whole process. Without it, libtorch's own kernels compute, with different bits
     * and up to 2.4 times slower.
     */
    public static void useOneDnn(boolean use) {
        start();
        torch.globalContext().setUserEnabledMkldnn(use);
    }

    /** Whether this process has a GPU to compute on. */
    public static boolean onGpu() {
        start();
        return cuda();
    }

    private static boolean cuda() {
        return torch.hasCUDA() && torch.cuda_is_available();
    }

    /** The device on which this process computes. */
    public static Device device() {
        return onGpu() ? Device.gpu() : Device.cpu();
    }

    /** Creates a root manager for arrays on {@link #device}. */
    public static NDManager root() {
        return NDManager.newBaseManager(device(), ENGINE);
    }

    /**
     * Creates a root manager for arrays in host memory, whatever the device: for small values that processes agree on.
     */
    public static NDManager host() {
        start();
        return NDManager.newBaseManager(Device.cpu(), ENGINE);
    }

    /** The libtorch_cpu.so files mapped into this process. */
    public static Set<Path> mapped() {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            Set<Path> found = new TreeSet<>();
            maps.filter(line -> line.endsWith("/" + LIBRARY))
                    .forEach(line -> found.add(Path.of(line.substring(line.indexOf('/')))));
            return found;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read /proc/self/maps", e);
        }
    }

    private static Path load() {
        Bindings.withoutJavaCppsLoader();
        // no limit: JavaCPP counts the memory of the whole process against it, libtorch's tensors included
        System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
        System.setProperty("org.bytedeco.javacpp.maxBytes", "0");
        // otherwise DJL downloads missing files, and reports this instance to Amazon, which takes seconds when offline
        System.setProperty("ai.djl.offline", "true");
        Engine engine = Engine.getEngine(ENGINE);
        Path library = onlyMapped("after DJL loaded it");
        Bindings.load("javacpp", "javacpp");
        Bindings.load("pytorch", "torch");
        onlyMapped("after JavaCPP bound to it (DJL " + engine.getVersion() + ")");
        if (cuda()) {
            makeExact();
        }
        return library;
    }

    /**
     * Makes GPU arithmetic exact and deterministic. By default cuBLAS and cuDNN may round float32 operands to 19 bits
     * (TF32), and cuDNN may choose whatever algorithm is fastest at the moment.
     */
    private static void makeExact() {
        Context context = torch.globalContext();
        context.setAllowTF32CuBLAS(false);
        context.setAllowTF32CuDNN(false);
        context.setDeterministicCuDNN(true);
        context.setBenchmarkCuDNN(false);
    }

    private static Path onlyMapped(String when) {
        Set<Path> mapped = mapped();
        if (mapped.size() != 1) {
            throw new IllegalStateException("exactly one " + LIBRARY + " must be loaded, but " + when + " these are: "
                    + mapped + "; call TorchRuntime.start() before any other class of DJL or JavaCPP");
        }
        return mapped.iterator().next();
    }
}
