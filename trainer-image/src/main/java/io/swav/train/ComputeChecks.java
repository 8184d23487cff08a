package io.swav.train;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.Contract;
import io.swav.collective.nccl.Choice;
import io.swav.collective.nccl.NcclLibrary;
import io.swav.numerics.Numerics;
import io.swav.numerics.Verdict;
import io.swav.tensor.Precision;
import io.swav.tensor.SideStream;
import io.swav.tensor.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What it computes with: libtorch, GPU, NCCL. Loads them. */
final class ComputeChecks {
    private static final String LIBRARY_PATH = "PYTORCH_LIBRARY_PATH";

    private final Map<String, String> env;
    private final Path root;

    /** @param root of the file system in which the driver is looked for */
    ComputeChecks(Map<String, String> env, Path root) {
        this.env = env;
        this.root = root;
    }

    List<Finding> all() {
        List<Finding> findings = new ArrayList<>(List.of(libtorch()));
        if (findings.get(0).grade() == Finding.Grade.Bad) {
            return findings; // nothing below can be looked at without it
        }
        findings.add(oneLibtorch());
        findings.add(kernels());
        findings.add(gpu());
        findings.add(nccl());
        findings.add(collectives());
        return findings;
    }

    /** Loads it and has it add. */
    private Finding libtorch() {
        List<String> missing = missing();
        if (!missing.isEmpty()) {
            return Finding.bad(
                    "libtorch",
                    env.get(LIBRARY_PATH) + " has no " + String.join(", no ", missing),
                    LIBRARY_PATH
                            + " has to name the folder torch/lib of an installed PyTorch 2.7.1, with its CUDA where"
                            + " PYTORCH_FLAVOR says so: an image of --cuda stands on a base that has one"
                            + " (images/trainer/cuda-base.Dockerfile)");
        }
        try {
            Torch.start();
            try (NDManager manager = Torch.root();
                    NDArray two = manager.create(1f).add(1f)) {
                String sum = two.getFloat() == 2f ? "" : ", but 1 + 1 = " + two.getFloat();
                String found = Engine.getEngine("PyTorch").getVersion() + " on " + two.getDevice() + sum;
                return sum.isEmpty()
                        ? Finding.good("libtorch", found)
                        : Finding.bad("libtorch", found, "this libtorch does not run on this processor");
            }
        } catch (RuntimeException | LinkageError e) {
            return Finding.bad(
                    "libtorch",
                    "does not load: " + deepest(e),
                    "DJL unpacks it to DJL_CACHE_DIR (default ~/.djl.ai, 500 MB), which must be writable; where"
                            + " PYTORCH_LIBRARY_PATH names another libtorch it has to be 2.7.1, with PYTORCH_VERSION and"
                            + " PYTORCH_FLAVOR to match");
        }
    }

    /** Libraries that the folder named by the environment would have to hold; empty where it names none. */
    private List<String> missing() {
        String folder = env.getOrDefault(LIBRARY_PATH, "");
        if (folder.isBlank()) {
            return List.of();
        }
        boolean cuda = env.getOrDefault("PYTORCH_FLAVOR", "").startsWith("cu");
        return Stream.of("libc10.so", "libtorch.so", "libtorch_cpu.so", cuda ? "libtorch_cuda.so" : "libtorch.so")
                .distinct()
                .filter(name -> !Files.exists(Path.of(folder, name)))
                .toList();
    }

    /** An error of a class that did not initialize says nothing: what it was caused by does. */
    private static Throwable deepest(Throwable failure) {
        Throwable cause = failure.getCause();
        return cause == null ? failure : deepest(cause);
    }

    private static Finding oneLibtorch() {
        Set<Path> mapped = Torch.mapped();
        String found = mapped.stream().map(Path::toString).collect(Collectors.joining(", "));
        return mapped.size() == 1
                ? Finding.good("libtorch_cpu.so", "one is mapped: " + found)
                : Finding.bad(
                        "libtorch_cpu.so",
                        mapped.size() + " are mapped: " + found,
                        "two copies abort the process: leave one on the class path or in PYTORCH_LIBRARY_PATH");
    }

    /** Both precisions, with as many threads as a job has that does not say. */
    private static Finding kernels() {
        Torch.setThreads(1);
        Verdict verdict = Numerics.check(EnumSet.allOf(Precision.class));
        if (verdict instanceof Verdict.Sound sound) {
            return Finding.good(
                    "kernels", sound.outputs() + " outputs agree with plain arithmetic on " + sound.machine());
        }
        if (verdict instanceof Verdict.SoundWithoutOneDnn without) {
            return Finding.mind(
                    "kernels",
                    without.warning(),
                    "trainers do the same by themselves; a processor whose caches the hypervisor shows avoids it");
        }
        Verdict.Unsound unsound = (Verdict.Unsound) verdict;
        return Finding.bad("kernels", unsound.fault() + " on " + unsound.machine(), "keep trainers off this machine");
    }

    private Finding gpu() {
        Optional<String> driver = driver();
        List<String> models = models();
        if (driver.isEmpty()) {
            return Finding.good("GPU", "none: no NVIDIA driver");
        }
        String found = (models.isEmpty() ? "none is listed" : String.join(", ", models)) + "; " + driver.get();
        if (Torch.onGpu()) {
            return SideStream.ofProcess().isPresent()
                    ? Finding.good("GPU", found)
                    : Finding.mind(
                            "GPU",
                            found,
                            "gradients are summed after backward, not beside it: this libtorch has no second stream for"
                                    + " them; use PyTorch 2.7.1");
        }
        return Finding.mind(
                "GPU",
                found,
                "libtorch computes on the CPU all the same: set PYTORCH_LIBRARY_PATH, PYTORCH_VERSION and"
                        + " PYTORCH_FLAVOR to an installed PyTorch 2.7.1 with CUDA, and give the container"
                        + " limits: {nvidia.com/gpu: 1}");
    }

    private Optional<String> driver() {
        try (Stream<String> lines = Files.lines(root.resolve("proc/driver/nvidia/version"))) {
            return lines.findFirst()
                    .map(line -> line.replaceFirst("^NVRM version:\\s*", "").replaceAll("\\s+", " "));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private List<String> models() {
        List<String> models = new ArrayList<>();
        try (Stream<Path> gpus = Files.list(root.resolve("proc/driver/nvidia/gpus"))) {
            for (Path gpu : gpus.sorted().toList()) {
                try (Stream<String> lines = Files.lines(gpu.resolve("information"))) {
                    lines.filter(line -> line.startsWith("Model:"))
                            .forEach(line -> models.add(line.replaceFirst("Model:\\s*", "")));
                }
            }
        } catch (IOException e) {
            return models; // as many as can be read
        }
        return models;
    }

    private Finding nccl() {
        List<String> missing = NcclLibrary.missing(env);
        if (!missing.isEmpty()) {
            String found = "not found: " + String.join(", ", missing);
            return driver().isEmpty()
                    ? Finding.good("NCCL", found)
                    : Finding.mind(
                            "NCCL",
                            found,
                            "trainers sum over TCP, which is slower: install CUDA 12's runtime and NCCL 2, or add their"
                                    + " folder to LD_LIBRARY_PATH");
        }
        try {
            NcclLibrary library = NcclLibrary.find(env).orElseThrow();
            NcclLibrary.Versions versions = library.load();
            String found = versions + ", " + library.nccl() + (versions.shrinks() ? "" : ", too old to shrink");
            return versions.driver() >= versions.runtime()
                    ? Finding.good("NCCL", found)
                    : Finding.mind("NCCL", found, "the driver is older than the CUDA runtime: update the driver");
        } catch (UnsatisfiedLinkError e) {
            return Finding.mind("NCCL", "does not load: " + e.getMessage(), "install versions that fit together");
        }
    }

    private Finding collectives() {
        try {
            return Finding.good(
                    "collectives",
                    Choice.make(Environment.of(env).collective(), env).why());
        } catch (IllegalArgumentException | Fatal e) {
            return Finding.bad(
                    "collectives", Contract.ENV_COLLECTIVE, e.getMessage() + "; mend that, or unset the variable");
        }
    }
}
