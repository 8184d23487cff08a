package io.swav.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch;

/**
 * Brings up libtorch once for this JVM: DJL loads it, then JavaCPP binds to the same file. Loading a second copy
 * would abort the process, so {@link #start} checks that exactly one is mapped.
 */
public final class TorchRuntime {
    private static final String LOAD = "org.bytedeco.javacpp.loadLibraries";
    private static final String ENGINE = "PyTorch";
    private static final String LIBRARY = "libtorch_cpu.so";

    private TorchRuntime() {}

    private static final class Started {
        static final Path LIBTORCH = load();
    }

    /**
     * Idempotent; call before anything else of this package, or of DJL where JavaCPP is used later.
     *
     * @return the libtorch_cpu.so in use
     * @throws IllegalStateException when not exactly one libtorch is mapped
     */
    public static Path start() {
        return Started.LIBTORCH;
    }

    /** Threads inside one operation. Numbers are reproducible bit for bit only at one fixed value. */
    public static void setThreads(int threads) {
        start();
        torch.set_num_threads(threads);
    }

    /** Threads inside one operation of this thread. */
    public static int threads() {
        start();
        return torch.get_num_threads();
    }

    /** Whether convolutions on the CPU may use oneDNN, which they do unless {@link #useOneDnn} says otherwise. */
    public static boolean usesOneDnn() {
        start();
        return torch.globalContext().userEnabledMkldnn();
    }

    /** For the whole process. Without it libtorch's own kernels compute, with other bits and up to 2.4 times as long. */
    public static void useOneDnn(boolean use) {
        start();
        torch.globalContext().setUserEnabledMkldnn(use);
    }

    /** Whether it has a GPU to compute on. */
    public static boolean onGpu() {
        start();
        return cuda();
    }

    private static boolean cuda() {
        return torch.hasCUDA() && torch.cuda_is_available();
    }

    /** Where this process computes. */
    public static Device device() {
        return onGpu() ? Device.gpu() : Device.cpu();
    }

    /** A fresh root of arrays on {@link #device}. */
    public static NDManager root() {
        return NDManager.newBaseManager(device(), ENGINE);
    }

    /** A fresh root of arrays in host memory, whatever computes: small agreements among processes. */
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
        // JavaCPP counts the whole process against this limit, libtorch's tensors included: no limit
        System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
        System.setProperty("org.bytedeco.javacpp.maxBytes", "0");
        // or DJL tells Amazon of this instance, which takes seconds where nobody answers, and downloads what it misses
        System.setProperty("ai.djl.offline", "true");
        Engine engine = Engine.getEngine(ENGINE);
        Path library = only("after DJL loaded it");
        String folder = String.valueOf(library.getParent());
        System.setProperty("org.bytedeco.javacpp.pathsFirst", "true");
        System.setProperty("org.bytedeco.javacpp.platform.preloadpath", folder);
        String bindings =
                NativeLibraries.folder().map(f -> File.pathSeparator + f).orElse("");
        System.setProperty("java.library.path", folder + bindings);
        withoutOpenBlas();
        Loader.load(torch.class);
        only("after JavaCPP bound to it (DJL " + engine.getVersion() + ")");
        if (cuda()) {
            exact();
        }
        return library;
    }

    /** They round operands of float32 to 19 bits, and cuDNN takes what is fastest today, unless they are told not to. */
    private static void exact() {
        Context context = torch.globalContext();
        context.setAllowTF32CuBLAS(false);
        context.setAllowTF32CuDNN(false);
        context.setDeterministicCuDNN(true);
        context.setBenchmarkCuDNN(false);
    }

    /**
     * JavaCPP's torch inherits the bindings of OpenBLAS, which its own build of libtorch needs. DJL's has its BLAS in it:
     * those classes are initialized without their libraries, 90 MB that would be unpacked and mapped for nothing.
     */
    private static void withoutOpenBlas() {
        Loader.load(Pointer.class); // JavaCPP's own, as long as it still loads
        System.setProperty(LOAD, "false");
        try {
            Class.forName(openblas_nolapack.class.getName());
            Class.forName(openblas.class.getName());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        } finally {
            System.clearProperty(LOAD);
        }
    }

    private static Path only(String when) {
        Set<Path> mapped = mapped();
        if (mapped.size() != 1) {
            throw new IllegalStateException("exactly one " + LIBRARY + " must be loaded, " + when + " there are "
                    + mapped + "; use Torch.start() before any other class of DJL or JavaCPP");
        }
        return mapped.iterator().next();
    }
}
