package io.swav.collective.nccl;

import io.swav.torch.Bindings;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.javacpp.Loader;

/**
 * The NCCL, CUDA runtime and driver libraries of this machine. {@link #find} uses none of their bindings, so that it can
 * run on a machine that does not have them.
 *
 * @param driver libcuda.so.1
 * @param runtime libcudart.so.12
 * @param nccl libnccl.so.2
 */
public record NcclLibrary(Path driver, Path runtime, Path nccl) {
    private static final String DRIVER = "libcuda.so.1";
    private static final String RUNTIME = "libcudart.so.12";
    private static final String NCCL = "libnccl.so.2";

    /** NCCL 2.27, the first version that can shrink communicators. */
    private static final int SHRINK_VERSION = 22700;

    private static final List<String> SYSTEM = List.of(
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib64",
            "/usr/local/nvidia/lib64",
            "/usr/local/cuda/lib64",
            "/usr/local/cuda/compat");

    /**
     * Searches the folders of libraries that are already loaded, then LD_LIBRARY_PATH, an installed PyTorch, and the
     * system's folders.
     */
    public static Optional<NcclLibrary> find(Map<String, String> env) {
        return in(folders(env));
    }

    /** Returns the names of the libraries that {@link #find} does not find. */
    public static List<String> missing(Map<String, String> env) {
        List<Path> folders = folders(env);
        return Stream.of(DRIVER, RUNTIME, NCCL)
                .filter(name -> first(folders, name).isEmpty())
                .toList();
    }

    private static List<Path> folders(Map<String, String> env) {
        Set<Path> folders = new LinkedHashSet<>(mappedFolders());
        Arrays.stream(env.getOrDefault("LD_LIBRARY_PATH", "").split(":", -1))
                .filter(folder -> !folder.isEmpty())
                .forEach(folder -> folders.add(Path.of(folder)));
        Optional.ofNullable(env.get("PYTORCH_LIBRARY_PATH"))
                .map(torch -> Path.of(torch).toAbsolutePath().normalize())
                .ifPresent(torch -> {
                    folders.add(torch);
                    // wheels install site-packages/torch/lib beside site-packages/nvidia/nccl/lib
                    Path wheels = torch.resolve("../../nvidia").normalize();
                    folders.add(wheels.resolve("nccl/lib"));
                    folders.add(wheels.resolve("cuda_runtime/lib"));
                });
        SYSTEM.forEach(folder -> folders.add(Path.of(folder)));
        return List.copyOf(folders);
    }

    /** Returns the first match of each library in these folders; empty if one is missing. */
    public static Optional<NcclLibrary> in(List<Path> folders) {
        Optional<Path> driver = first(folders, DRIVER);
        Optional<Path> runtime = first(folders, RUNTIME);
        Optional<Path> nccl = first(folders, NCCL);
        return driver.isPresent() && runtime.isPresent() && nccl.isPresent()
                ? Optional.of(new NcclLibrary(driver.get(), runtime.get(), nccl.get()))
                : Optional.empty();
    }

    private static Optional<Path> first(List<Path> folders, String name) {
        return folders.stream()
                .map(folder -> folder.resolve(name))
                .filter(Files::exists)
                .findFirst();
    }

    private static List<Path> mappedFolders() {
        List<Path> folders = new ArrayList<>();
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            maps.filter(line -> line.contains("/libnccl.so") || line.contains("/libcudart.so"))
                    .map(line -> Path.of(line.substring(line.indexOf('/'))).getParent())
                    .forEach(folders::add);
        } catch (IOException e) {
            return List.of(); // not an error: the other folders are searched next
        }
        return folders;
    }

    /**
     * Loads the libraries, then the bindings, which find the libraries by name.
     *
     * @return the versions that the libraries report
     * @throws UnsatisfiedLinkError if the libraries are not compatible
     */
    public Versions load() {
        TorchRuntime.start(); // before any other class of JavaCPP
        for (Path library : List.of(driver, runtime, nccl)) {
            Loader.loadGlobal(library.toString());
        }
        Bindings.load("cuda", "cudart");
        Bindings.load("cuda", "nccl");
        int[] gpus = new int[1];
        boolean counted = cudart.cudaGetDeviceCount(gpus) == cudart.cudaSuccess;
        int[] driverVersion = new int[1];
        cudart.cudaDriverGetVersion(driverVersion);
        int[] runtimeVersion = new int[1];
        cudart.cudaRuntimeGetVersion(runtimeVersion);
        int[] ncclVersion = new int[1];
        org.bytedeco.cuda.global.nccl.ncclGetVersion(ncclVersion);
        return new Versions(counted ? gpus[0] : 0, driverVersion[0], runtimeVersion[0], ncclVersion[0]);
    }

    /**
     * @param gpus number of GPUs that this process sees
     * @param driver newest CUDA version that the driver supports, as 1000 × major + 10 × minor
     * @param runtime CUDA version of the runtime, likewise
     * @param nccl NCCL version, as 10000 × major + 100 × minor + patch
     */
    public record Versions(int gpus, int driver, int runtime, int nccl) {
        public boolean shrinks() {
            return nccl >= SHRINK_VERSION;
        }

        @Override
        public String toString() {
            return "NCCL " + dotted(nccl) + ", CUDA " + cuda(runtime) + " (driver up to " + cuda(driver) + "), " + gpus
                    + (gpus == 1 ? " GPU" : " GPUs");
        }

        static String dotted(int nccl) {
            return nccl / 10000 + "." + nccl / 100 % 100 + "." + nccl % 100;
        }

        static String cuda(int version) {
            return version / 1000 + "." + version / 10 % 100;
        }
    }
}
