package io.swav.trainer;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.TrainerEnv;
import io.swav.collective.nccl.CollectiveBackend;
import io.swav.collective.nccl.NcclLibrary;
import io.swav.numerics.Numerics;
import io.swav.numerics.Verdict;
import io.swav.torch.CommunicationStream;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
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

/** Checks what a trainer computes with: libtorch, GPU, NCCL. This loads the libraries. */
final class ComputeChecks {
    private static final String LIBRARY_PATH = "PYTORCH_LIBRARY_PATH";

    private final Map<String, String> env;
    private final Path root;

    /** @param root of the file system in which the driver is looked for */
    ComputeChecks(Map<String, String> env, Path root) {
        this.env = env;
        this.root = root;
    }

    List<DoctorFinding> all() {
        List<DoctorFinding> findings = new ArrayList<>(List.of(libtorch()));
        if (findings.get(0).grade() == DoctorFinding.Grade.Bad) {
            return findings; // nothing below can be checked without it
        }
        findings.add(oneLibtorch());
        findings.add(kernels());
        findings.add(gpu());
        findings.add(nccl());
        findings.add(collectives());
        return findings;
    }

    /** Loads libtorch and adds two numbers with it. */
    private DoctorFinding libtorch() {
        List<String> missing = missing();
        if (!missing.isEmpty()) {
            return DoctorFinding.bad(
                    "libtorch",
                    env.get(LIBRARY_PATH) + " has no " + String.join(", no ", missing),
                    LIBRARY_PATH
                            + " must name the folder torch/lib of an installed PyTorch 2.7.1, with CUDA if"
                            + " PYTORCH_FLAVOR asks for it: an image built with --cuda uses a base image that has it"
                            + " (trainer-image/image/cuda-base.Dockerfile)");
        }
        try {
            TorchRuntime.start();
            try (NDManager manager = TorchRuntime.root();
                    NDArray two = manager.create(1f).add(1f)) {
                String sum = two.getFloat() == 2f ? "" : ", but 1 + 1 = " + two.getFloat();
                String found = Engine.getEngine("PyTorch").getVersion() + " on " + two.getDevice() + sum;
                return sum.isEmpty()
                        ? DoctorFinding.good("libtorch", found)
                        : DoctorFinding.bad("libtorch", found, "this libtorch does not run on this processor");
            }
        } catch (RuntimeException | LinkageError e) {
            return DoctorFinding.bad(
                    "libtorch",
                    "does not load: " + deepest(e),
                    "DJL unpacks it to DJL_CACHE_DIR (default ~/.djl.ai, 500 MB), which must be writable; if"
                            + " PYTORCH_LIBRARY_PATH names another libtorch, it must be 2.7.1, with PYTORCH_VERSION and"
                            + " PYTORCH_FLAVOR to match");
        }
    }

    /** Returns the libraries that are missing from the folder named by the environment; empty if it names none. */
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

    /** Returns the root cause: an error of a class that failed to initialize explains nothing by itself. */
    private static Throwable deepest(Throwable failure) {
        Throwable cause = failure.getCause();
        return cause == null ? failure : deepest(cause);
    }

    private static DoctorFinding oneLibtorch() {
        Set<Path> mapped = TorchRuntime.mapped();
        String found = mapped.stream().map(Path::toString).collect(Collectors.joining(", "));
        return mapped.size() == 1
                ? DoctorFinding.good("libtorch_cpu.so", "one is mapped: " + found)
                : DoctorFinding.bad(
                        "libtorch_cpu.so",
                        mapped.size() + " are mapped: " + found,
                        "two copies abort the process: keep only one on the class path or in PYTORCH_LIBRARY_PATH");
    }

    /** Checks both precisions, with as many threads as a job uses by default. */
    private static DoctorFinding kernels() {
        TorchRuntime.setThreads(1);
        Verdict verdict = Numerics.check(EnumSet.allOf(Precision.class));
        if (verdict instanceof Verdict.Sound sound) {
            return DoctorFinding.good(
                    "kernels", sound.outputs() + " outputs agree with plain arithmetic on " + sound.machine());
        }
        if (verdict instanceof Verdict.SoundWithoutOneDnn without) {
            return DoctorFinding.warning(
                    "kernels",
                    without.warning(),
                    "trainers do the same automatically; a processor whose caches the hypervisor exposes avoids it");
        }
        Verdict.Unsound unsound = (Verdict.Unsound) verdict;
        return DoctorFinding.bad(
                "kernels", unsound.fault() + " on " + unsound.machine(), "keep trainers off this machine");
    }

    private DoctorFinding gpu() {
        Optional<String> driver = driver();
        List<String> models = models();
        if (driver.isEmpty()) {
            return DoctorFinding.good("GPU", "none: no NVIDIA driver");
        }
        String found = (models.isEmpty() ? "none is listed" : String.join(", ", models)) + "; " + driver.get();
        if (TorchRuntime.onGpu()) {
            return CommunicationStream.ofProcess().isPresent()
                    ? DoctorFinding.good("GPU", found)
                    : DoctorFinding.warning(
                            "GPU",
                            found,
                            "gradients are summed after backward, not during it: this libtorch has no second stream for"
                                    + " them; use PyTorch 2.7.1");
        }
        return DoctorFinding.warning(
                "GPU",
                found,
                "libtorch computes on the CPU despite the GPU: set PYTORCH_LIBRARY_PATH, PYTORCH_VERSION and"
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

    private DoctorFinding nccl() {
        List<String> missing = NcclLibrary.missing(env);
        if (!missing.isEmpty()) {
            String found = "not found: " + String.join(", ", missing);
            return driver().isEmpty()
                    ? DoctorFinding.good("NCCL", found)
                    : DoctorFinding.warning(
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
                    ? DoctorFinding.good("NCCL", found)
                    : DoctorFinding.warning(
                            "NCCL", found, "the driver is older than the CUDA runtime: update the driver");
        } catch (UnsatisfiedLinkError e) {
            return DoctorFinding.warning(
                    "NCCL", "does not load: " + e.getMessage(), "install versions that fit together");
        }
    }

    private DoctorFinding collectives() {
        try {
            return DoctorFinding.good(
                    "collectives",
                    CollectiveBackend.make(TrainerEnvironment.of(env).collective(), env)
                            .why());
        } catch (IllegalArgumentException | TrainerExitException e) {
            return DoctorFinding.bad(
                    "collectives", TrainerEnv.COLLECTIVE, e.getMessage() + "; fix that, or unset the variable");
        }
    }
}
